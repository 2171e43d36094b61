//! A hub on this machine: it speaks the protocol of the real one and misbehaves on request.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The commit that `main` and `v1` stand for.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The only repository.
pub const MODEL: &str = "owner/tiny-model";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// An answer with this status and no content.
    Status(u16),
    /// The connection ends after so many bytes of the content.
    CutAfter(usize),
    /// So many bytes of the content, and then silence.
    SilentAfter(usize),
    /// The first byte of the content is another one.
    Damaged,
    /// The wish for a range is ignored: the whole file, with status 200.
    WholeFile,
    /// These headers instead of those that describe the file.
    Headers(&'static str),
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    /// Troubles for the next answers with content (GET), and for those without (HEAD).
    content_troubles: VecDeque<Trouble>,
    description_troubles: VecDeque<Trouble>,
    token: Option<String>,
    gated: bool,
    /// The address of the server that holds large files, if it is another one.
    storage: Option<String>,
    /// Whether redirects are relative to the file that was asked for.
    relative: bool,
    requests: Vec<Request>,
}

#[derive(Clone)]
struct File {
    content: Vec<u8>,
    is_large: bool,
}

/// A running server.
#[derive(Clone)]
pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// A hub with one repository, which holds a `config.json`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, state: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                // A client that goes away is part of the tests.
                std::thread::spawn(move || server.talk(stream).ok());
            }
        });
        server.with_file("config.json", br#"{"model_type": "bert"}"#)
    }

    fn change(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.state.lock().unwrap());
        self
    }

    /// Adds a small file, which the hub sends itself.
    pub fn with_file(self, name: &str, content: &[u8]) -> Self {
        let file = File { content: content.to_vec(), is_large: false };
        self.change(|state| drop(state.files.insert(name.to_owned(), file)))
    }

    /// Adds a large file, which the hub redirects to its storage.
    pub fn with_large_file(self, name: &str, content: &[u8]) -> Self {
        let file = File { content: content.to_vec(), is_large: true };
        self.change(|state| drop(state.files.insert(name.to_owned(), file)))
    }

    /// Removes a file.
    pub fn without_file(self, name: &str) -> Self {
        self.change(|state| drop(state.files.remove(name)))
    }

    /// Requires a token.
    pub fn with_token(self, token: &str) -> Self {
        self.change(|state| state.token = Some(token.to_owned()))
    }

    /// Refuses everybody who has not accepted conditions.
    pub fn gated(self) -> Self {
        self.change(|state| state.gated = true)
    }

    /// Keeps large files on another server.
    pub fn with_storage(self, storage: &Self) -> Self {
        self.change(|state| state.storage = Some(storage.address.clone()))
    }

    /// Redirects to large files by addresses that are relative to the file that was asked for, as some mirrors do.
    pub fn with_relative_redirects(self) -> Self {
        self.change(|state| state.relative = true)
    }

    /// Spoils the next answers with content, one trouble each.
    pub fn spoil_content(&self, troubles: &[Trouble]) {
        self.state.lock().unwrap().content_troubles.extend(troubles.iter().cloned());
    }

    /// Spoils the next answers to HEAD, one trouble each.
    pub fn spoil_descriptions(&self, troubles: &[Trouble]) {
        self.state.lock().unwrap().description_troubles.extend(troubles.iter().cloned());
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// The requests since the last call, as `GET config.json`.
    pub fn take_request_names(&self) -> Vec<String> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        self.take_requests().iter().map(|request| format!("{} {}", request.method, name(&request.path))).collect()
    }

    fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some(request) = read_request(&mut reader)? {
            self.state.lock().unwrap().requests.push(request.clone());
            if !self.answer(&request, &mut stream)? {
                break;
            }
        }
        Ok(())
    }

    /// Answers; false when the connection is to end.
    fn answer(&self, request: &Request, stream: &mut TcpStream) -> std::io::Result<bool> {
        let trouble = {
            let mut state = self.state.lock().unwrap();
            // A trouble with the content belongs to the answer that holds it, not to the redirect before it.
            let name = request.path.rsplit('/').next().unwrap_or_default();
            let is_redirect = state.files.get(name).is_some_and(|file| file.is_large);
            match request.method.as_str() {
                "HEAD" => state.description_troubles.pop_front(),
                _ if is_redirect => None,
                _ => state.content_troubles.pop_front(),
            }
        };
        if let Some(Trouble::Status(status)) = trouble {
            write!(stream, "HTTP/1.1 {status} Trouble\r\nContent-Length: 0\r\n\r\n")?;
            return Ok(true);
        }
        if let Some(Trouble::Headers(headers)) = trouble {
            write!(stream, "HTTP/1.1 200 OK\r\n{headers}\r\n")?;
            return Ok(true);
        }
        match self.find(request) {
            Ok((file, headers)) => send(request, &file.content, &headers, trouble.as_ref(), stream),
            Err((status, headers)) => {
                write!(stream, "HTTP/1.1 {status} Answer\r\n{headers}Content-Length: 0\r\n\r\n")?;
                Ok(true)
            }
        }
    }

    /// The file and its headers, or the status and headers of another answer.
    fn find(&self, request: &Request) -> Result<(File, String), (u16, String)> {
        let state = self.state.lock().unwrap();
        let code = |status: u16, code: &str| Err((status, format!("X-Error-Code: {code}\r\n")));
        if let Some(hash) = request.path.strip_prefix("/storage/") {
            let file = state.files.values().find(|file| hexadecimal(&file.content) == hash);
            return file.map_or(Err((404, String::new())), |file| Ok((file.clone(), String::new())));
        }
        if let Some(expected) = &state.token {
            match request.headers.get("authorization") {
                None => return code(401, "RepoNotFound"),
                Some(sent) if *sent != format!("Bearer {expected}") => {
                    return Err((401, "X-Error-Message: Invalid credentials in Authorization header\r\n".to_owned()));
                }
                Some(_) => {}
            }
        }
        if state.gated {
            return code(403, "GatedRepo");
        }
        if request.path.starts_with(&format!("/api/models/{MODEL}/revision/")) {
            let names: Vec<String> =
                state.files.keys().map(|name| format!(r#"{{"rfilename": "{name}", "size": 1}}"#)).collect();
            let content = format!(r#"{{"id": "{MODEL}", "siblings": [{}]}}"#, names.join(", ")).into_bytes();
            return Ok((File { content, is_large: false }, String::new()));
        }
        let Some(rest) = request.path.strip_prefix(&format!("/{MODEL}/resolve/")) else {
            return code(404, "RepoNotFound");
        };
        let (revision, name) = rest.split_once('/').unwrap_or_default();
        if !["main", "v1", "refs%2Fpr%2F7", COMMIT].contains(&revision) {
            return code(404, "RevisionNotFound");
        }
        let commit = format!("X-Repo-Commit: {COMMIT}\r\n");
        let Some(file) = state.files.get(name) else {
            return Err((404, format!("{commit}X-Error-Code: EntryNotFound\r\n")));
        };
        let hash = hexadecimal(&file.content);
        if !file.is_large {
            return Ok((file.clone(), format!("{commit}ETag: W/\"{}\"\r\n", &hash[..40])));
        }
        let size = file.content.len();
        let storage = if state.relative { "../../../.." } else { state.storage.as_deref().unwrap_or_default() };
        let linked = format!("{commit}X-Linked-Etag: \"{hash}\"\r\nX-Linked-Size: {size}\r\n");
        Err((302, format!("{linked}Location: {storage}/storage/{hash}\r\nETag: \"of-the-redirect\"\r\n")))
    }
}

/// Sends content or a range of it; false when the connection is to end.
fn send(
    request: &Request,
    content: &[u8],
    headers: &str,
    trouble: Option<&Trouble>,
    stream: &mut TcpStream,
) -> std::io::Result<bool> {
    let range = request.headers.get("range").filter(|_| !matches!(trouble, Some(Trouble::WholeFile)));
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let total = content.len();
    if start.is_some_and(|start| start >= total) {
        write!(stream, "HTTP/1.1 416 Range\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    }
    let mut body = content[start.unwrap_or(0)..].to_vec();
    let length = body.len();
    match start {
        None => write!(stream, "HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n")?,
        Some(start) => {
            let range = format!("Content-Range: bytes {start}-{}/{total}", total - 1);
            write!(stream, "HTTP/1.1 206 Partial\r\n{headers}{range}\r\nContent-Length: {length}\r\n\r\n")?;
        }
    }
    if request.method == "HEAD" {
        return Ok(true);
    }
    match trouble {
        Some(Trouble::CutAfter(bytes)) => stream.write_all(&body[..*bytes]).map(|()| false),
        Some(Trouble::SilentAfter(bytes)) => {
            stream.write_all(&body[..*bytes])?;
            stream.flush()?;
            std::thread::sleep(Duration::from_mins(1));
            Ok(false)
        }
        Some(Trouble::Damaged) => {
            body[0] ^= 1;
            stream.write_all(&body).map(|()| true)
        }
        _ => stream.write_all(&body).map(|()| true),
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None => return Ok(Some(Request { method, path, headers })),
        }
    }
}

/// The SHA-256 of a text of bytes, as the hub calls a large file.
pub fn hexadecimal(content: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    Sha256::digest(content).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
