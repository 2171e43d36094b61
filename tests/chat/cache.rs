//! An answer is paid for once.

use std::fs;
use std::path::{Path, PathBuf};

use eidos::{Budget, Chat, ChatOptions, Control, ErrorCode};

use crate::chat::client::{ask, ask_again, options};
use crate::chat::server::{Play, Server};

fn cached(server: &Server, folder: &Path) -> ChatOptions {
    ChatOptions { cache_folder: Some(folder.to_owned()), ..options(server) }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    inside(folder).iter().flat_map(|folder| inside(folder)).collect()
}

#[test]
fn the_same_question_is_asked_once_also_by_another_chat_and_without_a_budget() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let chat = Chat::open(cached(&server, folder.path())).unwrap();
        for _ in 0..2 {
            assert_eq!(ask_again(&chat, "question", &Control::new()).unwrap(), "fine");
        }
    }
    assert_eq!(server.count(), 1);
    let budget = Budget { requests: Some(0), tokens: Some(0) };
    let chat = Chat::open(ChatOptions { budget, ..cached(&server, folder.path()) }).unwrap();
    assert_eq!(ask_again(&chat, "question", &Control::new()).unwrap(), "fine");
    assert_eq!((chat.usage().cached, chat.usage().requests), (1, 0));
}

#[test]
fn many_that_keep_the_same_answer_at_the_same_time_leave_one_that_is_whole() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let question = format!("question {round}");
        let chats = [(); 4].map(|()| Chat::open(cached(&server, folder.path())).unwrap());
        std::thread::scope(|scope| {
            for chat in &chats {
                scope.spawn(|| assert_eq!(ask_again(chat, &question, &Control::new()).unwrap(), "fine"));
            }
        });
        let asked = server.count();
        assert_eq!(ask_again(&chats[0], &question, &Control::new()).unwrap(), "fine");
        assert_eq!(server.count(), asked);
        assert_eq!(files(folder.path()).len(), round + 1);
    }
}

#[test]
fn an_empty_cache_folder_is_not_the_working_directory() {
    let server = Server::playing(&[]);
    let error = Chat::open(cached(&server, Path::new(""))).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("cache folder is empty"), "{error}");
}

#[test]
fn everything_that_an_answer_depends_on_makes_another_question() {
    let (server, other) = (Server::playing(&[]), Server::playing(&[]));
    let folder = tempfile::tempdir().unwrap();
    let same = || cached(&server, folder.path());
    ask(same()).unwrap();
    ask(ChatOptions { api_key: Some("sk-other".to_owned()), ..same() }).unwrap();
    assert_eq!(server.count(), 1, "the key is not part of the question");
    ask(ChatOptions { model: "another".to_owned(), ..same() }).unwrap();
    ask(ChatOptions { temperature: Some(0.5), ..same() }).unwrap();
    ask(ChatOptions { temperature: None, ..same() }).unwrap();
    ask(ChatOptions { max_tokens: 7, ..same() }).unwrap();
    let chat = Chat::open(same()).unwrap();
    ask_again(&chat, "another", &Control::new()).unwrap();
    chat.ask(&chat.request("instructions", "question", None), |_| Ok(()), &Control::new()).unwrap();
    assert_eq!(server.count(), 7);
    ask(cached(&other, folder.path())).unwrap();
    assert_eq!(other.count(), 1);
    assert_eq!(files(folder.path()).len(), 8);
}

#[test]
fn the_key_is_in_no_file() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    ask(ChatOptions { api_key: Some("sk-very-secret".to_owned()), ..cached(&server, folder.path()) }).unwrap();
    assert_eq!(server.requests()[0].headers["authorization"], "Bearer sk-very-secret");
    for file in files(folder.path()) {
        assert!(!fs::read_to_string(file).unwrap().contains("secret"));
    }
}

#[test]
fn an_answer_that_its_reader_does_not_understand_is_not_kept() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    let chat = Chat::open(cached(&server, folder.path())).unwrap();
    let request = chat.request("instructions", "question", None);
    let refuse = |_: &str| Err::<(), _>(eidos::Error::new(ErrorCode::UnusableAnswer, "not understood"));
    assert!(chat.ask(&request, refuse, &Control::new()).is_err());
    assert!(files(folder.path()).is_empty());
    assert!(chat.ask(&request, |_| Ok(()), &Control::new()).is_ok());
    assert!(chat.ask(&request, refuse, &Control::new()).is_err(), "what the cache has is no answer to this reader");
    assert_eq!(server.count(), 3);
}

#[test]
fn a_damaged_file_is_asked_for_again() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    ask(cached(&server, folder.path())).unwrap();
    let file = files(folder.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"{}", b"[1]"] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(ask(cached(&server, folder.path())).unwrap(), "fine");
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
    // The file of another question under this name.
    fs::write(&file, String::from_utf8(whole).unwrap().replace("question\"", "another\"")).unwrap();
    ask(cached(&server, folder.path())).unwrap();
    assert_eq!(server.count(), 6);
}

#[test]
fn when_answers_cannot_be_kept_no_more_are_paid_for() {
    let server = Server::playing(&[]);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let chat = Chat::open(cached(&server, &cache)).unwrap();
    fs::remove_dir(&cache).unwrap();
    fs::write(&cache, "a file where the folder was").unwrap();
    assert_eq!(ask_again(&chat, "one", &Control::new()).unwrap(), "fine", "this one is paid for and good");
    let error = ask_again(&chat, "two", &Control::new()).unwrap_err();
    assert!(error.message().contains("cannot be cached"), "{error}");
    assert_eq!(server.count(), 1);
    assert!(Chat::open(cached(&server, &cache)).is_err(), "a cache that cannot be made is an error at once");
}

#[test]
fn a_failed_request_is_not_kept() {
    let server = Server::playing(&[Play::Status(400, "", String::new()), Play::Status(400, "", String::new())]);
    let folder = tempfile::tempdir().unwrap();
    assert!(ask(cached(&server, folder.path())).is_err());
    assert_eq!(ask(cached(&server, folder.path())).unwrap(), "fine");
}
