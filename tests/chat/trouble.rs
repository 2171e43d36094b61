//! Servers that are busy, slow, broken or hostile, and callers that cancel.

use std::time::{Duration, Instant};

use eidos::{Chat, ChatOptions, Control, ErrorCode, LogLevel};
use serde_json::json;

use crate::chat::client::{ask, ask_again, options};
use crate::chat::server::{Play, Server, completion};
use crate::common::wait_until;

fn status(status: u16) -> Play {
    Play::Status(status, "", json!({"error": {"message": "because", "type": "t"}}).to_string())
}

#[test]
fn a_question_goes_out_as_servers_want_it() {
    let server = Server::playing(&[]);
    let options = ChatOptions { api_key: Some("sk-test".to_owned()), max_tokens: 77, ..options(&server) };
    assert_eq!(ask(options).unwrap(), "fine");
    let request = &server.requests()[0];
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.headers["authorization"], "Bearer sk-test");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.body["model"], "test-model");
    let messages = json!([{"role": "system", "content": "instructions"}, {"role": "user", "content": "question"}]);
    assert_eq!(request.body["messages"], messages);
    assert_eq!((&request.body["max_tokens"], &request.body["temperature"]), (&json!(77), &json!(0.0)));
    assert_eq!(request.body["response_format"]["type"], "json_schema");
    assert_eq!(request.body["response_format"]["json_schema"]["strict"], true);
}

#[test]
fn without_a_key_none_is_sent() {
    let server = Server::playing(&[]);
    ask(options(&server)).unwrap();
    assert!(!server.requests()[0].headers.contains_key("authorization"));
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_wants() {
    let server = Server::playing(&[Play::Status(429, "Retry-After: 2\r\n", String::new())]);
    assert_eq!(ask(options(&server)).unwrap(), "fine");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let waited = requests[1].at - requests[0].at;
    assert!((1.9..20.0).contains(&waited.as_secs_f64()), "{waited:?}");
}

#[test]
fn when_one_is_told_to_wait_all_wait() {
    let busy = |number: usize| match number {
        0 => Play::Status(429, "Retry-After: 2\r\n", String::new()),
        _ => Play::Say("fine".to_owned()),
    };
    let server = Server::start(move |number, _| busy(number));
    let chat = &Chat::open(options(&server)).unwrap();
    std::thread::scope(|scope| {
        let control = Control::new();
        control.keep_log(LogLevel::Warning);
        let told = control.clone();
        scope.spawn(move || ask_again(chat, "one", &control).unwrap());
        wait_until(|| told.kept_message_count() > 0);
        ask_again(chat, "two", &Control::new()).unwrap();
    });
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(1900));
}

#[test]
fn a_server_that_wants_us_to_wait_for_long_is_not_waited_for() {
    let server = Server::playing(&[Play::Status(429, "Retry-After: 3600\r\n", String::new())]);
    let error = ask(options(&server)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    assert!(error.details().contains(&("retry_after_seconds".to_owned(), "3600".to_owned())));
    assert_eq!(server.count(), 1);
}

#[test]
fn failures_that_may_pass_are_tried_again_with_growing_pauses() {
    let server = Server::playing(&[status(500), status(500)]);
    assert_eq!(ask(options(&server)).unwrap(), "fine");
    let at: Vec<Instant> = server.requests().iter().map(|request| request.at).collect();
    assert_eq!(at.len(), 3);
    let pauses = [at[1] - at[0], at[2] - at[1]].map(|pause| pause.as_secs_f64());
    assert!((0.35..10.0).contains(&pauses[0]) && (0.7..20.0).contains(&pauses[1]), "{pauses:?}");
    for transient in [408, 409, 429, 502, 503, 529] {
        let server = Server::playing(&[status(transient)]);
        assert_eq!(ask(options(&server)).unwrap(), "fine", "{transient}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn a_server_that_keeps_failing_is_an_error_with_its_words() {
    let server = Server::start(|_, _| status(503));
    let error = ask(options(&server)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    for part in ["503", "127.0.0.1", "test-model", "because"] {
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(server.count(), 3);
}

#[test]
fn failures_that_do_not_pass_are_told_at_once_and_apart() {
    let cases = [
        (401, ErrorCode::AccessDenied, "OPENAI_API_KEY"),
        (402, ErrorCode::BudgetExhausted, "billing"),
        (403, ErrorCode::AccessDenied, "another model"),
        (404, ErrorCode::NotFound, "/v1"),
        (413, ErrorCode::InvalidArgument, "shorter"),
        (307, ErrorCode::InvalidArgument, "base URL"),
    ];
    for (number, code, hint) in cases {
        let server = Server::start(move |_, _| status(number));
        let error = ask(options(&server)).unwrap_err();
        assert_eq!(error.code(), code, "{number}: {error}");
        assert!(error.hint_text().contains(hint) && error.message().contains("because"), "{number}: {error}");
        assert_eq!(server.count(), 1, "{number}");
    }
    let quota = json!({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}).to_string();
    let server = Server::start(move |_, _| Play::Status(429, "", quota.clone()));
    assert_eq!(ask(options(&server)).unwrap_err().code(), ErrorCode::BudgetExhausted);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_refused_key_is_not_sent_again_and_never_shown() {
    let echo = json!({"error": {"message": "Incorrect API key provided: sk-very-secret."}}).to_string();
    let server = Server::start(move |_, _| Play::Status(401, "", echo.clone()));
    let chat = Chat::open(ChatOptions { api_key: Some("sk-very-secret".to_owned()), ..options(&server) }).unwrap();
    for question in ["one", "two", "three"] {
        let error = ask_again(&chat, question, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::AccessDenied);
        let shown = format!("{error} {error:?} {chat:?}");
        assert!(!shown.contains("sk-very-secret") && error.message().contains("Incorrect API key"), "{shown}");
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn a_slow_server_is_given_up_after_the_time_limit() {
    let server = Server::start(|number, _| match number {
        0 => Play::Late(Duration::from_mins(1)),
        _ => Play::Say("fine".to_owned()),
    });
    let start = Instant::now();
    let timeout = Duration::from_secs(2);
    let error = ask(ChatOptions { timeout, retries: 0, ..options(&server) }).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    assert!(error.message().contains("in time"), "{error}");
    assert!((1.9..30.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());

    let server = Server::start(|number, _| match number {
        0 => Play::Late(Duration::from_mins(1)),
        _ => Play::Say("fine".to_owned()),
    });
    assert_eq!(ask(ChatOptions { timeout, ..options(&server) }).unwrap(), "fine");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_connection_that_is_cut_is_tried_again() {
    for play in [Play::Cut, Play::CutUnannounced] {
        let server = Server::playing(std::slice::from_ref(&play));
        assert_eq!(ask(options(&server)).unwrap(), "fine");
        assert_eq!(server.count(), 2, "{play:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_names_it() {
    let address = "http://127.0.0.1:9/v1".to_owned();
    let options = ChatOptions {
        base_url: Some(address),
        api_key: Some(String::new()),
        model: "m".to_owned(),
        retries: 0,
        ..ChatOptions::default()
    };
    let error = ask(options).unwrap_err();
    assert!(error.code() == ErrorCode::Network && error.message().contains("127.0.0.1"), "{error}");
}

#[test]
fn an_answer_that_is_none_is_told_by_its_reason() {
    let choice = |message: serde_json::Value, finish: &str| {
        let mut value = completion("");
        value["choices"][0]["message"] = message;
        value["choices"][0]["finish_reason"] = json!(finish);
        Play::Json(value)
    };
    let cases = [
        (choice(json!({"content": null}), "stop"), "is empty"),
        (choice(json!({"content": "  "}), "stop"), "is empty"),
        (choice(json!({"content": null, "refusal": "I cannot help"}), "stop"), "I cannot help"),
        (choice(json!({"content": ""}), "content_filter"), "refused"),
        (choice(json!({"content": "{\"label\": \"half a la"}), "length"), "1024 tokens"),
    ];
    for (play, words) in cases {
        let server = Server::start(move |_, _| play.clone());
        let folder = tempfile::tempdir().unwrap();
        let chat =
            Chat::open(ChatOptions { cache_folder: Some(folder.path().to_owned()), ..options(&server) }).unwrap();
        let error = ask_again(&chat, "question", &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnusableAnswer);
        assert!(error.message().contains(words), "{error}");
        // It was paid for, but it is no answer: it is not tried again by itself, and not kept.
        assert_eq!((server.count(), chat.usage().prompt_tokens), (1, 100));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_is_no_chat_completion_is_an_error_about_the_address() {
    for play in [Play::Page("<html>Welcome</html>"), Play::Json(json!({"object": "list", "data": []})), Play::Page("")]
    {
        let server = Server::start(move |_, _| play.clone());
        let error = ask(options(&server)).unwrap_err();
        assert!(error.code() == ErrorCode::Network && error.hint_text().contains("base URL"), "{error}");
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn a_failure_behind_a_router_is_tried_again() {
    let server = Server::playing(&[Play::Json(json!({"error": {"message": "provider is down", "code": 502}}))]);
    assert_eq!(ask(options(&server)).unwrap(), "fine");
    assert_eq!(server.count(), 2);
}

/// Cancels a question a while after the server got it, and says how long the question took from then on.
fn cancelled_after(chat: &Chat<'_>, server: &Server, wait: Duration) -> (ErrorCode, Duration) {
    let control = Control::new();
    let (canceller, server) = (control.clone(), server.clone());
    let cancelling = std::thread::spawn(move || {
        wait_until(|| server.count() > 0);
        std::thread::sleep(wait);
        canceller.cancel();
        Instant::now()
    });
    let error = ask_again(chat, "question", &control).unwrap_err();
    (error.code(), cancelling.join().unwrap().elapsed())
}

#[test]
fn cancelling_waits_neither_for_a_busy_nor_for_a_silent_server() {
    let server = Server::start(|number, _| match number {
        0 => Play::Status(429, "Retry-After: 60\r\n", String::new()),
        _ => Play::Say("fine".to_owned()),
    });
    let chat = Chat::open(options(&server)).unwrap();
    let (code, waited) = cancelled_after(&chat, &server, Duration::from_millis(400));
    assert_eq!(code, ErrorCode::Cancelled);
    assert!(waited < Duration::from_secs(10) && server.count() == 1, "{waited:?}");

    let server = Server::start(|number, _| match number {
        0 => Play::Late(Duration::from_mins(1)),
        _ => Play::Say("fine".to_owned()),
    });
    let chat = Chat::open(options(&server)).unwrap();
    let (code, waited) = cancelled_after(&chat, &server, Duration::from_millis(400));
    assert_eq!(code, ErrorCode::Cancelled);
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert_eq!(ask_again(&chat, "another", &Control::new()).unwrap(), "fine", "the chat goes on");
}

#[test]
fn a_cancelled_control_asks_nothing() {
    let server = Server::playing(&[]);
    let chat = Chat::open(options(&server)).unwrap();
    let control = Control::new();
    control.cancel();
    assert_eq!(ask_again(&chat, "question", &control).unwrap_err().code(), ErrorCode::Cancelled);
    assert_eq!(server.count(), 0);
}
