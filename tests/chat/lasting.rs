//! What lasts from one call with a chat to the next, what does not, and what is told meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eidos::{Budget, Chat, ChatOptions, Control, ErrorCode, Interpretation, LlmLabels, LogLevel, LogMessage};
use serde_json::json;

use crate::chat::client::{ask_again, options};
use crate::chat::common::{CONCEPTS, concepts};
use crate::chat::server::{Play, Server};

fn label(chat: &Chat<'_>, wanted: &[usize], control: &Control) -> Result<Interpretation, eidos::Error> {
    let (explainer, activations) = concepts();
    let labels = LlmLabels { concepts: Some(wanted.to_vec()), examples: 2, ..LlmLabels::default() };
    labels.interpret(&explainer, &activations, chat, control)
}

fn labelled(meaning: &Interpretation) -> usize {
    let labels = meaning.concepts().iter().filter_map(|concept| concept.positive_label.as_ref());
    labels.filter(|label| label.text.is_some()).count()
}

fn heard(control: &Control, level: LogLevel) -> Arc<Mutex<Vec<LogMessage>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (list, here) = (Arc::clone(&heard), std::thread::current().id());
    let add = move |message: &LogMessage| {
        assert_eq!(std::thread::current().id(), here, "messages come on the thread that makes the call");
        list.lock().unwrap().push(message.clone());
    };
    control.set_log_callback(level, Some(Box::new(add)));
    heard
}

#[test]
fn budget_and_connections_outlive_a_call() {
    let server = Server::playing(&[]);
    let budget = Budget { requests: Some(5), tokens: Some(1 << 20) };
    let chat = Chat::open(ChatOptions { budget, parallel: 1, ..options(&server) }).unwrap();
    let first = label(&chat, &[0, 1, 2], &Control::new()).unwrap();
    assert_eq!((labelled(&first), chat.budget_left().requests), (3, Some(2)));
    assert_eq!(chat.budget_left().tokens, Some((1 << 20) - 330));
    let second = label(&chat, &[3, 4, 5, 6], &Control::new()).unwrap();
    assert_eq!((labelled(&second), chat.budget_left().requests), (2, Some(0)));
    assert_eq!(second.labelling().unwrap().usage.requests, 2, "each call counts its own");
    assert_eq!((chat.usage().requests, chat.usage().prompt_tokens), (5, 500));
    let error = label(&chat, &[7], &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BudgetExhausted);
    assert_eq!((server.count(), server.connections()), (5, 1), "one connection serves all of them");
}

#[test]
fn calls_at_the_same_time_share_the_budget_and_count_apart() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(10));
        Play::Say("fine".to_owned())
    });
    let budget = Budget { requests: Some(CONCEPTS as u64), tokens: None };
    let chat = Chat::open(ChatOptions { budget, ..options(&server) }).unwrap();
    let wanted: Vec<usize> = (0..CONCEPTS).collect();
    let spent = std::thread::scope(|scope| {
        let call = || {
            label(&chat, &wanted, &Control::new()).map_or(0, |meaning| {
                assert_eq!(meaning.labelling().unwrap().usage.requests, labelled(&meaning) as u64);
                labelled(&meaning) as u64
            })
        };
        let calls = [scope.spawn(call), scope.spawn(call), scope.spawn(call)];
        calls.map(|call| call.join().unwrap()).iter().sum::<u64>()
    });
    assert_eq!((spent, chat.usage().requests, server.count()), (8, 8, 8));
}

#[test]
fn what_ends_the_questions_of_one_call_does_not_end_those_of_the_next() {
    let missing = Play::Status(404, "", json!({"error": {"message": "pull it first"}}).to_string());
    let server = Server::playing(&[missing]);
    let chat = Chat::open(ChatOptions { parallel: 1, ..options(&server) }).unwrap();
    let error = label(&chat, &[0, 1, 2], &Control::new()).unwrap_err();
    assert_eq!((error.code(), server.count()), (ErrorCode::NotFound, 1));
    assert_eq!(labelled(&label(&chat, &[0, 1, 2], &Control::new()).unwrap()), 3);
}

#[test]
fn who_cancels_breaks_nobody_elses_question() {
    let server = Server::start(|_, request| {
        let slow = request.body["messages"][1]["content"] == "slow";
        if slow { Play::Late(Duration::from_secs(20)) } else { Play::Late(Duration::from_millis(1500)) }
    });
    // No repetition is allowed: a connection that somebody else broke is no failure.
    let chat = Chat::open(ChatOptions { retries: 0, ..options(&server) }).unwrap();
    let control = Control::new();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| ask_again(&chat, "slow", &control));
        let other = scope.spawn(|| ask_again(&chat, "other", &Control::new()));
        std::thread::sleep(Duration::from_millis(600));
        control.cancel();
        assert_eq!(slow.join().unwrap().unwrap_err().code(), ErrorCode::Cancelled);
        assert!(other.join().unwrap().is_ok());
    });
}

#[test]
fn repetitions_and_concepts_without_a_label_are_told_on_the_thread_of_the_call() {
    let failed = Play::Status(500, "", String::new());
    let bad = Play::Say("{\"label\": 7}".to_owned());
    let server = Server::playing(&[failed, bad]);
    let chat = Chat::open(options(&server)).unwrap();
    let control = Control::new();
    let messages = heard(&control, LogLevel::Warning);
    control.keep_log(LogLevel::Info);
    label(&chat, &[0, 1, 2], &control).unwrap();
    let messages = messages.lock().unwrap();
    let texts: Vec<&str> = messages.iter().map(LogMessage::text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("trying again in 0.") && text.contains("500")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("concept ")), "{texts:?}");
    assert!(messages.iter().all(|message| message.level() == LogLevel::Warning && message.target() == "chat"));
    assert!(messages.is_sorted_by_key(LogMessage::elapsed_seconds));
    assert_eq!(control.kept_message_count(), 3);
    let first = control.kept_message(0).unwrap();
    assert_eq!(first.level(), LogLevel::Info);
    assert!(first.text().starts_with("labelling 3 concepts with test-model"), "{first:?}");
}

#[test]
fn a_repetition_is_told_while_the_call_waits() {
    let server = Server::playing(&[Play::Status(429, "Retry-After: 30\r\n", String::new())]);
    let chat = Chat::open(ChatOptions { parallel: 4, ..options(&server) }).unwrap();
    let control = Control::new();
    let canceller = control.clone();
    control.set_log_callback(LogLevel::Warning, Some(Box::new(move |_| canceller.cancel())));
    let start = std::time::Instant::now();
    // One is told to wait; the other is asked at the same time and may have its answer.
    let waited = label(&chat, &[0, 1], &control);
    let cancelled = |meaning: Interpretation| labelled(&meaning) < 2;
    assert!(waited.map_or_else(|error| error.code() == ErrorCode::Cancelled, cancelled));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
