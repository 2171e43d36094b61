//! A proxy on this machine, which asks servers for what it is asked for and opens no tunnels.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running proxy.
#[derive(Clone)]
pub struct Proxy {
    /// `127.0.0.1:...`.
    pub address: String,
    heads: Arc<Mutex<Vec<String>>>,
    /// Whether it asks for a user and a password that nobody gives.
    asks: bool,
}

impl Proxy {
    /// A proxy to which every host is the server at `http://127.0.0.1:...`.
    pub fn start(server: &str) -> Self {
        Self::new(server, false)
    }

    /// The same, which wants to know who asks.
    pub fn asking(server: &str) -> Self {
        Self::new(server, true)
    }

    fn new(server: &str, asks: bool) -> Self {
        let behind = server.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap().to_string(), heads: Arc::default(), asks };
        let serving = proxy.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (proxy, behind) = (serving.clone(), behind.clone());
                // A client that goes away is part of the tests.
                std::thread::spawn(move || proxy.talk(stream, &behind).ok());
            }
        });
        proxy
    }

    /// The heads of the requests since the last call.
    pub fn take_heads(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }

    fn talk(&self, mut stream: TcpStream, behind: &str) -> std::io::Result<()> {
        let mut client = BufReader::new(stream.try_clone()?);
        loop {
            let head = head(&mut client)?;
            let Some((method, rest)) = head.split_once(' ') else { return Ok(()) };
            self.heads.lock().unwrap().push(head.clone());
            if self.asks {
                return write!(stream, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
            }
            // As a proxy must that is asked for a path without a host, or for a tunnel that it does not open.
            let Some((_, path)) = rest.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else {
                let status = if method == "CONNECT" { "403 Forbidden" } else { "400 Bad Request" };
                return write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            };
            let mut body = vec![0; length(&head)];
            client.read_exact(&mut body)?;
            let mut server = TcpStream::connect(behind)?;
            server.write_all(format!("{method} /{path}").as_bytes())?;
            server.write_all(&body)?;
            let mut answers = BufReader::new(server);
            let answer = self::head(&mut answers)?;
            let mut content = vec![0; if method == "HEAD" { 0 } else { length(&answer) }];
            answers.read_exact(&mut content)?;
            stream.write_all(&[answer.as_bytes(), &content].concat())?;
        }
    }
}

/// The lines up to an empty one; an empty text at the end of the connection.
fn head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while reader.read_line(&mut head)? > 0 && !head.ends_with("\r\n\r\n") {}
    Ok(head)
}

fn length(head: &str) -> usize {
    let value =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    value.unwrap_or(0)
}
