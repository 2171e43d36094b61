//! The JSON of `/chat/completions`: request bodies, answers and error messages.

use serde_json::{Value, json};

use super::message::{ChatAnswer, ChatRequest, Ending, Tokens};

/// Which fields a server accepts. A dialect starts with all of them and drops those that the server rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    schema: SchemaUse,
    temperature: bool,
    /// Whether the server has a system role; without it, the instructions stand at the top of the user message.
    system_role: bool,
    /// Whether the token limit is called `max_completion_tokens`, as OpenAI's newer models require.
    new_limit_name: bool,
}

/// Whether requests to a server carry a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SchemaUse {
    /// They do; the server has not rejected one.
    Sent,
    /// Not this time: the server rejected a request with a schema, perhaps for another reason.
    Withheld,
    /// They do not: the server rejected a request with a schema, and accepted the same one without.
    Unsupported,
}

impl Dialect {
    /// The dialect that has all fields, as current servers accept them.
    pub(super) fn full() -> Self {
        Self { schema: SchemaUse::Sent, temperature: true, system_role: true, new_limit_name: false }
    }

    /// The dialect to try next, after a server rejected a request in this one with `message`; `None` when no other form
    /// can help.
    pub(super) fn without_rejected(self, message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let named = |field: &str| message.contains(field);
        if named("max_completion_tokens") && !self.new_limit_name {
            Some(Self { new_limit_name: true, ..self })
        } else if named("temperature") && self.temperature {
            Some(Self { temperature: false, ..self })
        } else if named("system") && named("role") && self.system_role {
            Some(Self { system_role: false, ..self })
        } else {
            // Few servers say that it is the schema that they do not support.
            (self.schema == SchemaUse::Sent).then_some(Self { schema: SchemaUse::Withheld, ..self })
        }
    }

    /// The dialect after the server accepted a request in this one.
    pub(super) fn accepted(self) -> Self {
        match self.schema {
            SchemaUse::Withheld => Self { schema: SchemaUse::Unsupported, ..self },
            SchemaUse::Sent | SchemaUse::Unsupported => self,
        }
    }

    /// The dialect after the server rejected a request without a schema as well: the schema may not have been the
    /// reason.
    pub(super) fn rejected_again(self) -> Self {
        match self.schema {
            SchemaUse::Withheld => Self { schema: SchemaUse::Sent, ..self },
            SchemaUse::Sent | SchemaUse::Unsupported => self,
        }
    }

    /// The body of a request.
    pub(super) fn body(self, request: &ChatRequest) -> Value {
        let messages = if self.system_role {
            json!([{"role": "system", "content": request.system}, {"role": "user", "content": request.user}])
        } else {
            json!([{"role": "user", "content": format!("{}\n\n{}", request.system, request.user)}])
        };
        let mut body = json!({"model": request.model, "messages": messages});
        body[if self.new_limit_name { "max_completion_tokens" } else { "max_tokens" }] = json!(request.max_tokens);
        if let Some(temperature) = request.temperature.filter(|_| self.temperature) {
            body["temperature"] = json!(temperature);
        }
        if let Some(schema) = request.schema.as_ref().filter(|_| self.schema == SchemaUse::Sent) {
            let schema = json!({"name": schema.name, "strict": true, "schema": schema.schema});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        body
    }
}

/// What the body of a successful response holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// An answer of the model.
    Answer(ChatAnswer),
    /// An error message in spite of the status.
    Error(ServerError),
    /// JSON that ends too early.
    CutOff,
    /// Something other than a chat completion.
    NotACompletion,
}

/// The error message of a server.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct ServerError {
    /// The text of the message.
    pub(super) message: String,
    /// The server's own code, such as `insufficient_quota`.
    pub(super) code: String,
}

/// Parses the body of a successful response.
pub(super) fn read(body: &[u8]) -> Body {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) if error.is_eof() && body.trim_ascii_start().starts_with(b"{") => return Body::CutOff,
        Err(_) => return Body::NotACompletion,
    };
    let choice = &value["choices"][0];
    if !choice["message"].is_object() {
        return if value["error"].is_null() { Body::NotACompletion } else { Body::Error(server_error(body)) };
    }
    let message = &choice["message"];
    let text = content(&message["content"]);
    let refusal = message["refusal"].as_str().unwrap_or_default();
    let ending = match choice["finish_reason"].as_str() {
        _ if !refusal.is_empty() => Ending::Refused(refusal.to_owned()),
        Some("content_filter") => Ending::Refused(text.clone()),
        Some("length") => Ending::Cut,
        _ => Ending::Complete,
    };
    let count = |name: &str| value["usage"][name].as_u64();
    let tokens = count("prompt_tokens")
        .zip(count("completion_tokens").or(Some(0)))
        .map(|(prompt, completion)| Tokens { prompt, completion });
    Body::Answer(ChatAnswer { text, ending, tokens })
}

/// The text of a message: a string, or a list of parts of which some have a text.
fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// The error message in the body of an error response. Servers put it in different places; a body that is not JSON is
/// the message itself, unless it is an HTML page.
pub(super) fn server_error(body: &[u8]) -> ServerError {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        let text = if text.trim_start().starts_with('<') { "" } else { text.trim() };
        return ServerError { message: text.to_owned(), code: String::new() };
    };
    let error = &value["error"];
    let said = [&error["message"], error, &value["message"], &value["detail"], &value["detail"][0]["msg"]];
    let message = said.iter().find_map(|value| value.as_str());
    // The whole body is better than nothing: the validation errors of some servers have a form of their own.
    let message = message.map_or_else(|| value.to_string(), str::to_owned);
    let code = [&error["code"], &error["type"]].iter().find_map(|value| value.as_str()).unwrap_or_default().to_owned();
    ServerError { message, code }
}

#[cfg(test)]
mod tests {
    use super::super::message::AnswerSchema;
    use super::*;

    fn request() -> ChatRequest {
        ChatRequest {
            model: "m".to_owned(),
            system: "Do.".to_owned(),
            user: "This.".to_owned(),
            schema: Some(AnswerSchema { name: "label".to_owned(), schema: json!({"type": "object"}) }),
            max_tokens: 7,
            temperature: Some(0.0),
        }
    }

    #[test]
    fn a_dialect_loses_what_the_server_names_and_then_the_schema() {
        let full = Dialect::full();
        assert_eq!(full.body(&request())["response_format"]["json_schema"]["name"], "label");
        let next = full.without_rejected("Use 'max_completion_tokens' instead of max_tokens").unwrap();
        assert_eq!(next.body(&request())["max_completion_tokens"], 7);
        assert!(next.body(&request())["max_tokens"].is_null());
        let next = next.without_rejected("Unsupported value: 'temperature' does not support 0").unwrap();
        assert!(next.body(&request())["temperature"].is_null());
        let next = next.without_rejected("System role not supported").unwrap();
        assert_eq!(next.body(&request())["messages"], json!([{"role": "user", "content": "Do.\n\nThis."}]));
        let next = next.without_rejected("bad request").unwrap();
        assert!(next.body(&request())["response_format"].is_null());
        assert_eq!(next.without_rejected("temperature and max_completion_tokens are wrong"), None);
    }

    #[test]
    fn the_schema_comes_back_when_it_was_not_the_reason() {
        let guess = Dialect::full().without_rejected("too long").unwrap();
        assert_eq!(guess.rejected_again(), Dialect::full());
        let sure = guess.accepted();
        assert_eq!(sure.rejected_again(), sure);
    }

    #[test]
    fn answers_are_read_whatever_their_shape() {
        let reading = |value: Value| read(value.to_string().as_bytes());
        let choice = |message: Value, finish: &str| json!({"choices": [{"message": message, "finish_reason": finish}]});
        let answer =
            |text: &str, ending: Ending| Body::Answer(ChatAnswer { text: text.to_owned(), ending, tokens: None });
        assert_eq!(reading(choice(json!({"content": "a"}), "stop")), answer("a", Ending::Complete));
        assert_eq!(reading(choice(json!({"content": null}), "stop")), answer("", Ending::Complete));
        assert_eq!(reading(choice(json!({"content": "a"}), "length")), answer("a", Ending::Cut));
        let parts = json!([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]);
        assert_eq!(reading(choice(json!({"content": parts}), "stop")), answer("ab", Ending::Complete));
        let refused = json!({"content": null, "refusal": "no"});
        assert_eq!(reading(choice(refused, "stop")), answer("", Ending::Refused("no".to_owned())));
        assert_eq!(
            reading(choice(json!({"content": ""}), "content_filter")),
            answer("", Ending::Refused(String::new()))
        );
        let error = json!({"error": {"message": "busy", "code": 503}});
        assert_eq!(reading(error), Body::Error(ServerError { message: "busy".to_owned(), code: String::new() }));
        assert_eq!(reading(json!({"models": []})), Body::NotACompletion);
        assert_eq!(read(b"<html>"), Body::NotACompletion);
        assert_eq!(read(b"{\"choices\": [{\"mess"), Body::CutOff);
    }

    #[test]
    fn complaints_are_found_where_servers_put_them() {
        let bodies = [
            r#"{"error": {"message": "m", "type": "t"}}"#,
            r#"{"error": "m"}"#,
            r#"{"detail": "m"}"#,
            r#"{"message": "m"}"#,
            r#"{"detail": [{"msg": "m"}]}"#,
            "m",
        ];
        for body in bodies {
            assert_eq!(server_error(body.as_bytes()).message, "m", "{body}");
        }
        assert_eq!(server_error(b"<html>no</html>").message, "");
    }
}
