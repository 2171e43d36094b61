//! What may be spent is not exceeded.

use std::time::Duration;

use eidos::{Budget, Chat, ChatOptions, Control, ErrorCode, Usage};

use crate::chat::client::{ask_again, options};
use crate::chat::server::{Play, Server};

fn with_budget(server: &Server, requests: Option<u64>, tokens: Option<u64>) -> Chat<'static> {
    let budget = Budget { requests, tokens };
    Chat::open(ChatOptions { budget, max_tokens: 50, ..options(server) }).unwrap()
}

#[test]
fn usage_is_what_the_server_says() {
    let server = Server::playing(&[Play::SayForFree("free".to_owned())]);
    let chat = with_budget(&server, None, None);
    for question in ["one", "two", "three"] {
        ask_again(&chat, question, &Control::new()).unwrap();
    }
    let expected = Usage { requests: 3, cached: 0, prompt_tokens: 200, completion_tokens: 20, unreported: 1 };
    assert_eq!(chat.usage(), expected);
}

#[test]
fn no_request_is_sent_beyond_the_budget_and_repetitions_count() {
    let failed = Play::Status(500, "", String::new());
    let server = Server::playing(&[failed.clone(), failed]);
    let chat = with_budget(&server, Some(4), None);
    assert!(ask_again(&chat, "one", &Control::new()).is_ok(), "the third attempt succeeds");
    assert!(ask_again(&chat, "two", &Control::new()).is_ok());
    let error = ask_again(&chat, "three", &Control::new()).unwrap_err();
    assert_eq!((error.code(), server.count()), (ErrorCode::BudgetExhausted, 4));
    assert!(error.message().contains("4 requests") && error.hint_text().contains("cache"), "{error}");
}

#[test]
fn a_repetition_that_the_budget_does_not_allow_is_not_sent() {
    let server = Server::start(|_, _| Play::Status(500, "", String::new()));
    let chat = with_budget(&server, Some(2), None);
    let error = ask_again(&chat, "one", &Control::new()).unwrap_err();
    assert_eq!((error.code(), server.count()), (ErrorCode::BudgetExhausted, 2));
}

#[test]
fn tokens_are_never_exceeded_even_when_many_ask_at_once() {
    // Each request may take less than 470 tokens and takes 110.
    for budget in [0, 110, 700, 1500] {
        let server = Server::start(|_, _| {
            std::thread::sleep(Duration::from_millis(20));
            Play::Say("fine".to_owned())
        });
        let chat = with_budget(&server, None, Some(budget));
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let chat = &chat;
                scope.spawn(move || {
                    for number in 0..4 {
                        let asked = ask_again(chat, &format!("question {worker} {number}"), &Control::new());
                        let stopped = |error: eidos::Error| error.code() == ErrorCode::BudgetExhausted;
                        assert!(asked.map_or_else(stopped, |_| true));
                    }
                });
            }
        });
        let usage = chat.usage();
        let spent = usage.prompt_tokens + usage.completion_tokens;
        assert_eq!(spent, 110 * server.count() as u64);
        assert!(spent <= budget, "{spent} of {budget}");
        assert!(spent + 470 > budget, "a request that fitted was not sent: {spent} of {budget}");
        assert_eq!(spent > 0, budget > 470);
    }
}

#[test]
fn a_server_that_hides_its_costs_is_counted_at_their_most() {
    let server = Server::start(|_, _| Play::SayForFree("free".to_owned()));
    let chat = with_budget(&server, None, Some(700));
    let ask = |question: &str| {
        let request = chat.request("instructions", question, None);
        chat.ask(&request, |_| Ok(()), &Control::new())
    };
    // 12 + 3 bytes, 256 for the template and 50 for the answer are 321.
    assert!(ask("one").is_ok() && ask("two").is_ok());
    let error = ask("six").unwrap_err();
    assert_eq!((error.code(), server.count()), (ErrorCode::BudgetExhausted, 2));
    assert!(error.message().contains("642 are spent") && error.message().contains("321 more"), "{error}");
}
