//! Labels by a language model: against a server on this machine that answers well, badly, late or not at all, and against
//! models that are functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(feature = "chat")]
mod adapting;
#[cfg(feature = "chat")]
mod budget;
#[cfg(feature = "chat")]
mod cache;
#[cfg(all(feature = "chat", feature = "hub"))]
mod encrypted;
#[cfg(feature = "chat")]
mod foreign;
mod labels;
#[cfg(feature = "chat")]
mod lasting;
#[cfg(feature = "demo-model")]
mod passages;
#[cfg(all(feature = "chat", feature = "hub"))]
mod proxied;
mod scores;
#[cfg(feature = "chat")]
mod server;
#[cfg(feature = "chat")]
mod trouble;

mod common {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use eidos::chat::{ChatAnswer, ChatRequest, Failure};
    use eidos::{Activations, ChatModel, Control, Explainer, Ica, IcaOptions};

    pub const CONCEPTS: usize = 8;

    /// Rows of which each excites one concept, with names that are all different, and their concepts.
    pub fn concepts() -> (Explainer, Activations) {
        let (rows, columns) = (800, CONCEPTS);
        let mut state = 7_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.2
        };
        let mut values: Vec<f32> = std::iter::repeat_with(&mut noise).take(rows * columns).collect();
        for row in (0..rows).step_by(2) {
            values[row * columns + row / 2 % columns] += 3.0 + (row % 50) as f32 / 25.0;
        }
        let names: Vec<String> = (0..rows).map(|row| format!("unit{row}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let activations = Activations::from_rows(values, columns, Some(&names)).unwrap();
        let options = IcaOptions { threads: 1, ..IcaOptions::new(CONCEPTS) };
        (Explainer::fit::<Ica>(&activations, &options, &Control::new()).unwrap(), activations)
    }

    /// A model that is a function, and what it was asked.
    pub struct Own<F> {
        answer: F,
        pub asked: AtomicUsize,
        pub questions: Mutex<Vec<ChatRequest>>,
    }

    impl<F: Fn(&ChatRequest) -> Result<String, Failure> + Sync> Own<F> {
        pub fn new(answer: F) -> Self {
            Self { answer, asked: AtomicUsize::new(0), questions: Mutex::default() }
        }
    }

    impl<F: Fn(&ChatRequest) -> Result<String, Failure> + Sync> ChatModel for &Own<F> {
        fn answer(&self, request: &ChatRequest, _: &Control) -> Result<ChatAnswer, Failure> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.questions.lock().unwrap().push(request.clone());
            (self.answer)(request).map(ChatAnswer::of)
        }
    }

    /// The examples of a prompt, without their numbers.
    pub fn examples(prompt: &str) -> Vec<(u32, String)> {
        let line = |line: &str| {
            let (strength, text) = line.split_once(". (")?.1.split_once(") ")?;
            Some((strength.parse().ok()?, text.to_owned()))
        };
        prompt.lines().filter_map(line).collect()
    }
}

#[cfg(feature = "chat")]
mod client {
    use std::time::Duration;

    use eidos::{Chat, ChatOptions, Control, Error};

    use crate::chat::server::Server;

    /// Options for a server of this test and nothing from the environment.
    pub fn options(server: &Server) -> ChatOptions {
        ChatOptions {
            model: "test-model".to_owned(),
            base_url: Some(format!("{}/v1", server.address)),
            api_key: Some(String::new()),
            timeout: Duration::from_mins(1),
            retries: 2,
            ..ChatOptions::default()
        }
    }

    /// One question, whose answer is taken as it is.
    pub fn ask(options: ChatOptions) -> Result<String, Error> {
        let chat = Chat::open(options)?;
        ask_again(&chat, "question", &Control::new())
    }

    pub fn ask_again(chat: &Chat<'_>, question: &str, control: &Control) -> Result<String, Error> {
        let schema = eidos::chat::AnswerSchema {
            name: "label".to_owned(),
            schema: serde_json::json!({"type": "object", "properties": {"label": {"type": "string"}}}),
        };
        chat.ask(&chat.request("instructions", question, Some(schema)), |text| Ok(text.to_owned()), control)
    }
}
