//! The JSON of `/chat/completions`, as servers write and want it.

use serde_json::{Value, json};

use super::message::{ChatAnswer, ChatRequest, Ending, Tokens};

/// Which fields a server takes. It begins with all of them, and loses those that the server calls wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    schema: SchemaUse,
    temperature: bool,
    /// Whether there is a role for instructions, or they stand before the question.
    system_role: bool,
    /// Whether the limit of an answer is called `max_completion_tokens`, as OpenAI's newer models want it.
    new_limit_name: bool,
}

/// Whether a server holds the model to a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SchemaUse {
    /// As far as is known.
    Sent,
    /// It refused a request with one, and may have meant something else.
    Doubted,
    /// It refused a request with one, and answered without.
    Unknown,
}

impl Dialect {
    /// What a server of today takes.
    pub(super) fn full() -> Self {
        Self { schema: SchemaUse::Sent, temperature: true, system_role: true, new_limit_name: false }
    }

    /// The dialect to try next, after a server called a request in this one wrong; `None` when it is not about the form.
    pub(super) fn without_what(self, message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let named = |field: &str| message.contains(field);
        if named("max_completion_tokens") && !self.new_limit_name {
            Some(Self { new_limit_name: true, ..self })
        } else if named("temperature") && self.temperature {
            Some(Self { temperature: false, ..self })
        } else if named("system") && named("role") && self.system_role {
            Some(Self { system_role: false, ..self })
        } else {
            // Few servers say that it is the schema that they do not know.
            (self.schema == SchemaUse::Sent).then_some(Self { schema: SchemaUse::Doubted, ..self })
        }
    }

    /// The dialect once a request in this one was answered.
    pub(super) fn confirmed(self) -> Self {
        match self.schema {
            SchemaUse::Doubted => Self { schema: SchemaUse::Unknown, ..self },
            SchemaUse::Sent | SchemaUse::Unknown => self,
        }
    }

    /// The dialect once a request in this one was refused as well: the schema may not have been the reason.
    pub(super) fn refused_again(self) -> Self {
        match self.schema {
            SchemaUse::Doubted => Self { schema: SchemaUse::Sent, ..self },
            SchemaUse::Sent | SchemaUse::Unknown => self,
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

/// What an answer with a good status holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// An answer of the model.
    Answer(ChatAnswer),
    /// An error after all.
    Error(Complaint),
    /// JSON that ends too early.
    CutOff,
    /// Something else.
    Foreign,
}

/// What a server says that is wrong.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Complaint {
    /// In words.
    pub(super) message: String,
    /// Its own code, such as `insufficient_quota`.
    pub(super) code: String,
}

/// Reads an answer with a good status.
pub(super) fn read(body: &[u8]) -> Reading {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) if error.is_eof() && body.trim_ascii_start().starts_with(b"{") => return Reading::CutOff,
        Err(_) => return Reading::Foreign,
    };
    let choice = &value["choices"][0];
    if !choice["message"].is_object() {
        return if value["error"].is_null() { Reading::Foreign } else { Reading::Error(complaint(body)) };
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
    Reading::Answer(ChatAnswer { text, ending, tokens })
}

/// The text of a message: a string, or a list of parts of which some have a text.
fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// What the body of a refusal says. Servers put it in different places; what is no JSON is taken as it is, unless it is a
/// page for a browser.
pub(super) fn complaint(body: &[u8]) -> Complaint {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        let text = if text.trim_start().starts_with('<') { "" } else { text.trim() };
        return Complaint { message: text.to_owned(), code: String::new() };
    };
    let error = &value["error"];
    let said = [&error["message"], error, &value["message"], &value["detail"], &value["detail"][0]["msg"]];
    let message = said.iter().find_map(|value| value.as_str());
    // Something is better than nothing: the validation errors of some servers have a shape of their own.
    let message = message.map_or_else(|| value.to_string(), str::to_owned);
    let code = [&error["code"], &error["type"]].iter().find_map(|value| value.as_str()).unwrap_or_default().to_owned();
    Complaint { message, code }
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
        let next = full.without_what("Use 'max_completion_tokens' instead of max_tokens").unwrap();
        assert_eq!(next.body(&request())["max_completion_tokens"], 7);
        assert!(next.body(&request())["max_tokens"].is_null());
        let next = next.without_what("Unsupported value: 'temperature' does not support 0").unwrap();
        assert!(next.body(&request())["temperature"].is_null());
        let next = next.without_what("System role not supported").unwrap();
        assert_eq!(next.body(&request())["messages"], json!([{"role": "user", "content": "Do.\n\nThis."}]));
        let next = next.without_what("bad request").unwrap();
        assert!(next.body(&request())["response_format"].is_null());
        assert_eq!(next.without_what("temperature and max_completion_tokens are wrong"), None);
    }

    #[test]
    fn the_schema_comes_back_when_it_was_not_the_reason() {
        let guess = Dialect::full().without_what("too long").unwrap();
        assert_eq!(guess.refused_again(), Dialect::full());
        let sure = guess.confirmed();
        assert_eq!(sure.refused_again(), sure);
    }

    #[test]
    fn answers_are_read_whatever_their_shape() {
        let reading = |value: Value| read(value.to_string().as_bytes());
        let choice = |message: Value, finish: &str| json!({"choices": [{"message": message, "finish_reason": finish}]});
        let answer =
            |text: &str, ending: Ending| Reading::Answer(ChatAnswer { text: text.to_owned(), ending, tokens: None });
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
        assert_eq!(reading(error), Reading::Error(Complaint { message: "busy".to_owned(), code: String::new() }));
        assert_eq!(reading(json!({"models": []})), Reading::Foreign);
        assert_eq!(read(b"<html>"), Reading::Foreign);
        assert_eq!(read(b"{\"choices\": [{\"mess"), Reading::CutOff);
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
            assert_eq!(complaint(body.as_bytes()).message, "m", "{body}");
        }
        assert_eq!(complaint(b"<html>no</html>").message, "");
    }
}
