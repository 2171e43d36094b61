//! Servers that do not know all fields.

use eidos::{Chat, ChatOptions, Control, ErrorCode};
use serde_json::{Value, json};

use crate::chat::client::{ask_again, options};
use crate::chat::server::{Play, Server};

fn wrong(message: &str) -> Play {
    Play::Status(400, "", json!({"error": {"message": message}}).to_string())
}

fn ask_twice(server: &Server, options: ChatOptions) {
    let chat = Chat::open(options).unwrap();
    for question in ["one", "two"] {
        assert_eq!(ask_again(&chat, question, &Control::new()).unwrap(), "fine");
    }
    let last = server.requests().last().unwrap().clone();
    assert!(last.body["messages"][0]["content"].as_str().unwrap().contains("instructions"));
}

/// A server that refuses what `knows` does not accept, with a message.
fn choosy(knows: impl Fn(&Value) -> bool + Send + Sync + 'static, message: &'static str) -> Server {
    Server::start(move |_, request| if knows(&request.body) { Play::Say("fine".to_owned()) } else { wrong(message) })
}

#[test]
fn a_server_without_schemas_is_asked_without_and_from_then_on_at_once() {
    for message in ["response_format is not supported", "bad request"] {
        let server = choosy(|body| body["response_format"].is_null(), message);
        // An adapted request is no repetition.
        ask_twice(&server, ChatOptions { retries: 0, ..options(&server) });
        assert_eq!(server.count(), 3);
    }
}

#[test]
fn newer_models_of_openai_are_asked_in_their_way() {
    let knows = |body: &Value| body["max_tokens"].is_null() && body["max_completion_tokens"] == 1024;
    let server = choosy(knows, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
    ask_twice(&server, options(&server));
    assert_eq!(server.count(), 3);
    let knows = |body: &Value| body["temperature"].is_null();
    let server = choosy(knows, "Unsupported value: 'temperature' does not support 0 with this model.");
    ask_twice(&server, options(&server));
    assert_eq!(server.count(), 3);
    assert!(!server.requests()[2].body["response_format"].is_null());
}

#[test]
fn templates_without_a_system_role_get_everything_in_one_message() {
    let server = choosy(|body| body["messages"].as_array().unwrap().len() == 1, "System role not supported");
    ask_twice(&server, options(&server));
    assert_eq!(server.requests()[2].body["messages"][0]["content"], "instructions\n\ntwo");
}

#[test]
fn a_request_that_is_wrong_for_another_reason_does_not_lose_the_schema_for_the_others() {
    let server = Server::start(|_, request| {
        let long = request.body["messages"][1]["content"] == "long";
        if long { wrong("context length exceeded") } else { Play::Say("fine".to_owned()) }
    });
    let chat = Chat::open(options(&server)).unwrap();
    let error = ask_again(&chat, "long", &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("context length exceeded"), "{error}");
    assert_eq!(ask_again(&chat, "short", &Control::new()).unwrap(), "fine");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(!requests[2].body["response_format"].is_null());
}
