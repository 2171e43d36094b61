//! A server that nobody here wrote, started by `tests/chat/foreign_server.sh`. Its model may be random: what it says need be
//! no label, but it must be an answer.
#![allow(clippy::print_stderr)]

use eidos::{Chat, ChatOptions, Control, ErrorCode, LlmLabels, Scoring};

use crate::chat::common::{CONCEPTS, concepts};

fn options() -> ChatOptions {
    let variable = |name: &str| std::env::var(name).expect("set by tests/chat/foreign_server.sh");
    ChatOptions {
        model: variable("EIDOS_FOREIGN_MODEL"),
        base_url: Some(variable("EIDOS_FOREIGN_SERVER")),
        api_key: Some("sk-nobody-needs-it".to_owned()),
        max_tokens: 24,
        ..ChatOptions::default()
    }
}

#[test]
#[ignore = "needs a server"]
fn a_foreign_server_and_the_client_understand_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::open(ChatOptions { cache_folder: Some(folder.path().to_owned()), ..options() }).unwrap();
    // Any words will do here.
    let request = chat.request("Say something.", "Anything.", None);
    match chat.ask(&request, |text| Ok(text.to_owned()), &Control::new()) {
        Ok(text) => {
            eprintln!("it says: {text:?}");
            assert_eq!(chat.ask(&request, |text| Ok(text.to_owned()), &Control::new()).unwrap(), text);
            assert_eq!(chat.usage().cached, 1);
        }
        Err(error) => {
            eprintln!("it says: {error}");
            assert_eq!(error.code(), ErrorCode::UnusableAnswer, "{error}");
        }
    }
    let usage = chat.usage();
    eprintln!("usage: {usage:?}");
    assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0 && usage.unreported == 0);

    let (explainer, activations) = concepts();
    let wanted = LlmLabels { scoring: Some(Scoring::default()), examples: 8, ..LlmLabels::default() };
    match wanted.interpret(&explainer, &activations, &chat, &Control::new()) {
        Ok(meaning) => eprintln!("{meaning}"),
        Err(error) => {
            eprintln!("no concept has a label: {error}");
            assert_eq!(error.code(), ErrorCode::UnusableAnswer, "{error}");
        }
    }
    let labelled = chat.usage();
    eprintln!("usage: {labelled:?}");
    assert!(labelled.requests >= usage.requests + CONCEPTS as u64 && labelled.unreported == 0);
    // The model's own tokenizer never makes more tokens of a prompt than the budget holds back for it.
    assert!(labelled.prompt_tokens < labelled.requests * 10_000);
}

#[test]
#[ignore = "needs a server"]
fn a_foreign_server_says_what_it_does_not_have() {
    let chat = Chat::open(ChatOptions { model: "no/such-model".to_owned(), retries: 0, ..options() }).unwrap();
    let error = chat.ask(&chat.request("a", "b", None), |_| Ok(()), &Control::new()).unwrap_err();
    eprintln!("{:?}: {error}", error.code());
    assert!(error.message().contains("no/such-model"), "{error}");
}
