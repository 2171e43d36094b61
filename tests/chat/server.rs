//! A language model on this machine: it speaks chat completions and misbehaves as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub at: Instant,
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Play {
    /// This text, at a cost of 100 and 10 tokens.
    Say(String),
    /// This text, and not a word about its cost.
    SayForFree(String),
    /// This JSON.
    Json(Value),
    /// Another status, with headers and a body.
    Status(u16, &'static str, String),
    /// Something that is no JSON.
    Page(&'static str),
    /// The connection ends within the answer, whose length was announced.
    Cut,
    /// The connection ends within the answer, whose length was not announced.
    CutUnannounced,
    /// Nothing for so long, then an answer.
    Late(Duration),
}

type Script = dyn Fn(usize, &Request) -> Play + Send + Sync;

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    connections: usize,
    running: usize,
    most_running: usize,
}

/// A running server.
#[derive(Clone)]
pub struct Server {
    pub address: String,
    log: Arc<Mutex<Log>>,
    script: Arc<Script>,
}

impl Server {
    /// A server that answers the request of a number, from 0, as the script says.
    pub fn start(script: impl Fn(usize, &Request) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, log: Arc::default(), script: Arc::new(script) };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                server.log.lock().unwrap().connections += 1;
                // A client that goes away is part of the tests.
                std::thread::spawn(move || server.talk(stream).ok());
            }
        });
        server
    }

    /// A server that answers one play after the other, and then well.
    pub fn playing(plays: &[Play]) -> Self {
        let plays = plays.to_vec();
        Self::start(move |number, _| plays.get(number).cloned().unwrap_or_else(|| Play::Say("fine".to_owned())))
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().requests.clone()
    }

    pub fn count(&self) -> usize {
        self.log.lock().unwrap().requests.len()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }

    /// How many requests were there at the same time at most.
    pub fn most_at_once(&self) -> usize {
        self.log.lock().unwrap().most_running
    }

    fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some(request) = read_request(&mut reader)? {
            let number = {
                let mut log = self.log.lock().unwrap();
                log.running += 1;
                log.most_running = log.most_running.max(log.running);
                log.requests.push(request.clone());
                log.requests.len() - 1
            };
            let play = (self.script)(number, &request);
            let goes_on = answer(&play, &mut stream, || self.log.lock().unwrap().running -= 1)?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

/// A chat completion with a text.
pub fn completion(text: &str) -> Value {
    json!({
        "id": "1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    })
}

/// Answers; false when the connection is to end. A request is over before its answer is read, so `done` comes first.
fn answer(play: &Play, stream: &mut TcpStream, done: impl FnOnce()) -> std::io::Result<bool> {
    let send = |stream: &mut TcpStream, status: u16, headers: &str, body: &str| {
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} Answer\r\n{headers}Content-Length: {length}\r\n\r\n{body}").map(|()| true)
    };
    if let Play::Late(time) = play {
        std::thread::sleep(*time);
    }
    done();
    match play {
        Play::Say(text) => send(stream, 200, "", &completion(text).to_string()),
        Play::SayForFree(text) => {
            let mut value = completion(text);
            value["usage"].take();
            send(stream, 200, "", &value.to_string())
        }
        Play::Json(value) => send(stream, 200, "", &value.to_string()),
        Play::Status(status, headers, body) => send(stream, *status, headers, body),
        Play::Page(page) => send(stream, 200, "Content-Type: text/html\r\n", page),
        Play::Cut => {
            let body = completion("never read").to_string();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), &body[..40]).map(|()| false)
        }
        Play::CutUnannounced => {
            let body = completion("never read").to_string();
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", &body[..40]).map(|()| false)
        }
        Play::Late(_) => send(stream, 200, "", &completion("late").to_string()),
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { path, headers, body: serde_json::from_slice(&body).unwrap_or_default(), at: Instant::now() }))
}
