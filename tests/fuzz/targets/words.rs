//! What language models and servers answer.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Once;
use std::time::Duration;

use eidos::chat::{ChatAnswer, ChatModel, ChatRequest, Failure};
use eidos::interpret::Scoring;
use eidos::{Chat, ChatOptions, Control, Error, ErrorCode, HubOptions, Interpretation, LlmLabels, hub};

use super::results::{activations, concepts};
use super::{Place, Seed, Target, in_order, write};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "answer", format: Format::Json, share: 6, seeds: answer_seeds, run: answer },
        Target { name: "kept_answer", format: Format::Json, share: 2, seeds: kept_seeds, run: kept },
        Target { name: "chat_server", format: Format::Http, share: 3, seeds: server_seeds, run: server },
        Target { name: "hub_server", format: Format::Http, share: 2, seeds: hub_seeds, run: hub_server },
        Target { name: "reference", format: Format::Text, share: 1, seeds: reference_seeds, run: reference },
    ]
}

/// A model that always says the same.
struct Same<'a>(&'a str);

impl ChatModel for Same<'_> {
    fn answer(&self, _: &ChatRequest, _: &Control) -> Result<ChatAnswer, Failure> {
        Ok(ChatAnswer::of(self.0))
    }
}

/// Labels by a model that always says the same.
pub fn labelled(answer: &str) -> Result<Interpretation, Error> {
    let chat = Chat::with_model(Same(answer), ChatOptions::default())?;
    let scoring = Scoring { passages: 2, per_request: 3, ..Scoring::default() };
    let labels = LlmLabels { examples: 3, context: 2, scoring: Some(scoring), ..LlmLabels::default() };
    labels.interpret(concepts(), activations(), &chat, &Control::new())
}

fn answer_seeds() -> Vec<Seed> {
    let answers: [&[u8]; 8] = [
        br#"{"label": "praise"}"#,
        br#"{"label": "praise", "answers": [1, 0, 1]}"#,
        br#"{"answers": [true, false, "1"]}"#,
        b"```json\n{\"label\": \"praise\"}\n```",
        b"Sure! {\"label\": \"praise.\", \"why\": [{\"a\": 1}]} I hope that helps.",
        b"<think>maybe {\"label\": \"wrong\"}?</think>\n\n{\"label\": \"praise\"}",
        b"**Label:** praise\n",
        b"[1, 2] no: [1, 0, 1]",
    ];
    in_order(answers.map(<[u8]>::to_vec))
}

fn answer(_: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let meaning = labelled(&String::from_utf8_lossy(bytes))?;
    Interpretation::from_json(meaning.to_json()?.as_bytes())?;
    Ok(())
}

fn ask(folder: &std::path::Path) -> Result<String, Error> {
    let options =
        ChatOptions { model: "same".to_owned(), cache_folder: Some(folder.to_owned()), ..ChatOptions::default() };
    let chat = Chat::with_model(Same("yes"), options)?;
    chat.ask(&chat.request("system", "user", None), |said| Ok(said.to_owned()), &Control::new())
}

/// The one file in the folders of a folder.
fn only_file(folder: &std::path::Path) -> std::path::PathBuf {
    let inner = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if inner.is_dir() { only_file(&inner) } else { inner }
}

fn kept_seeds() -> Vec<Seed> {
    let mut place = Place::new();
    let folder = place.folder("answers", |folder| drop(ask(folder).unwrap()));
    in_order([std::fs::read(only_file(&folder)).unwrap()])
}

fn kept(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let folder = place.folder("answers", |folder| drop(ask(folder).unwrap()));
    write(&only_file(&folder), bytes);
    ask(&folder).map(|_| ())
}

fn server_seeds() -> Vec<Seed> {
    let answer = r#"{"id": "1", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message":
        {"role": "assistant", "content": "yes", "refusal": null}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}"#;
    let refusal = r#"{"error": {"message": "Unsupported parameter: 'max_tokens'", "type": "invalid_request_error",
        "param": "max_tokens", "code": "unsupported_parameter"}}"#;
    let head = |status: &str, more: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {length}\r\n\r\n{body}")
    };
    in_order([
        head("200 OK", "", answer).into_bytes(),
        head("400 Bad Request", "", refusal).into_bytes(),
        head("429 Too Many Requests", "Retry-After: 1\r\nx-ratelimit-reset-requests: 1s\r\n", refusal).into_bytes(),
    ])
}

fn server(_: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let said = serving(
        bytes,
        |_| (),
        |address| {
            let options = ChatOptions {
                model: "same".to_owned(),
                base_url: Some(format!("http://{address}/v1")),
                api_key: Some("key".to_owned()),
                retries: 0,
                timeout: Duration::from_millis(900),
                ..ChatOptions::default()
            };
            let chat = Chat::open(options)?;
            chat.ask(&chat.request("system", "user", None), |said| Ok(said.to_owned()), &Control::new())
        },
    );
    said.map(|_| ())
}

/// Does something with a server that answers every request so, and hangs up. `answered` sees each request.
fn serving<T>(bytes: &[u8], answered: impl Fn(&[u8]) + Sync, work: impl FnOnce(SocketAddr) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 1 << 14];
                // A connection without a request ends the server.
                let Some(count) = stream.read(&mut request).ok().filter(|count| *count > 0) else { break };
                stream.write_all(bytes).ok();
                stream.shutdown(Shutdown::Write).ok();
                answered(&request[..count]);
                // The client may still be writing, and would not see the answer if the connection broke.
                stream.set_read_timeout(Some(Duration::from_millis(1))).ok();
                while stream.read(&mut request).is_ok_and(|count| count > 0) {}
            }
        });
        let result = work(address);
        drop(TcpStream::connect(address));
        result
    })
}

fn hub_seeds() -> Vec<Seed> {
    let commit = format!("X-Repo-Commit: {COMMIT}\r\n");
    let close = "Connection: close\r\n";
    in_order([
        format!("HTTP/1.1 200 OK\r\nETag: \"abc\"\r\n{commit}{close}Content-Length: 2\r\n\r\n{{}}"),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nX-Linked-Etag: \"{}\"\r\nX-Linked-Size: 2\r\n{commit}{close}Content-Length: 2\r\n\r\n{{}}",
            "0".repeat(64)
        ),
        format!("HTTP/1.1 404 Not Found\r\nX-Error-Code: EntryNotFound\r\n{commit}{close}Content-Length: 2\r\n\r\n{{}}"),
        format!("HTTP/1.1 403 Forbidden\r\nX-Error-Code: GatedRepo\r\nX-Error-Message: ask\r\n{close}Content-Length: 2\r\n\r\n{{}}"),
    ].map(String::into_bytes))
}

/// A hub that answers so when it is asked what a file is, and when it is asked for the file.
fn hub_server(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let cache = place.folder("downloads", |_| ());
    let (control, patience) = (Control::new(), Once::new());
    let served = serving(
        bytes,
        // A request that failed is repeated after pauses that are longer than a case may take.
        |_| {
            let control = control.clone();
            patience.call_once(|| {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(60));
                    control.cancel();
                });
            });
        },
        |address| {
            let options = HubOptions {
                cache_dir: Some(cache.clone()),
                endpoint: Some(format!("http://{address}")),
                token: Some(String::new()),
                offline: Some(false),
                timeout: Some(Duration::from_millis(500)),
                ..HubOptions::default()
            };
            // With a branch that was seen before, the hub is asked once.
            let references = cache.join("models--owner--name/refs");
            std::fs::create_dir_all(&references).unwrap();
            std::fs::write(references.join("main"), COMMIT).unwrap();
            hub::locate("owner/name", &options, &control).map(|_| ())
        },
    );
    std::fs::remove_dir_all(&cache).ok();
    served
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn reference_seeds() -> Vec<Seed> {
    in_order([COMMIT.as_bytes().to_vec()])
}

/// What a cache says that a branch stood for when it was last asked.
fn reference(place: &mut Place, _: u8, bytes: &[u8]) -> Result<(), Error> {
    let cache = place.folder("hub", |cache| {
        let snapshot = cache.join("models--owner--name/snapshots").join(COMMIT);
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(cache.join("models--owner--name/refs")).unwrap();
        std::fs::write(snapshot.join("config.json"), "{}").unwrap();
    });
    write(&cache.join("models--owner--name/refs/main"), bytes);
    let options = HubOptions { cache_dir: Some(cache), offline: Some(true), ..HubOptions::default() };
    match hub::locate("owner/name", &options, &Control::new()) {
        Err(error) if error.code() == ErrorCode::NotFound => Err(error),
        other => other.map(|_| ()),
    }
}
