//! Connections that break, servers that fail or lie, and callers that cancel.

use std::fs;
use std::time::{Duration, Instant};

use eidos::{Control, Error, ErrorCode, HubOptions, ModelSource};

use crate::common::wait_until;
use crate::hub::common::{noise, open, options, partial_files};
use crate::hub::server::{Server, Trouble, hexadecimal};

const SIZE: usize = 2_000_000;

struct Setup {
    server: Server,
    cache: tempfile::TempDir,
    model: ModelSource,
}

/// A model whose weights are not fetched yet.
fn setup() -> Setup {
    setup_with_timeout(Duration::from_mins(1))
}

fn setup_with_timeout(timeout: Duration) -> Setup {
    let server = Server::start().with_large_file("model.safetensors", &noise(SIZE));
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    options.timeout = Some(timeout);
    let model = open(&options).unwrap();
    server.take_requests();
    Setup { server, cache, model }
}

impl Setup {
    /// Fetches the weights; true when they are the right ones.
    fn weights_are_right(&self, control: &Control) -> Result<bool, Error> {
        self.model.weight_files(&|_| true, control).map(|paths| fs::read(&paths[0]).unwrap() == noise(SIZE))
    }

    /// From which bytes on the content was asked for.
    fn ranges(&self) -> Vec<String> {
        let requests = self.server.take_requests();
        let content = requests.iter().filter(|request| request.method == "GET" && request.path.contains("/storage/"));
        content.map(|request| request.headers.get("range").cloned().unwrap_or_default()).collect()
    }
}

#[test]
fn a_connection_that_is_cut_goes_on_by_itself() {
    let setup = setup();
    setup.server.spoil_content(&[Trouble::CutAfter(500_000)]);
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    assert_eq!(setup.ranges(), ["", "bytes=500000-"]);
    assert!(partial_files(setup.cache.path()).is_empty());
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_an_error_and_the_next_call_goes_on() {
    let setup = setup();
    setup.server.spoil_content(&vec![Trouble::CutAfter(100_000); 4]);
    let error = setup.weights_are_right(&Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    assert!(error.message().contains("400000 of 2000000") && error.hint_text().contains("call again"), "{error}");
    let partial = partial_files(setup.cache.path());
    assert_eq!(fs::read(&partial[0]).unwrap(), &noise(SIZE)[..400_000]);
    assert_eq!(setup.ranges().len(), 4);
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    assert_eq!(setup.ranges(), ["bytes=400000-"]);
}

#[test]
fn a_server_that_ignores_ranges_sends_the_file_from_its_start() {
    let setup = setup();
    setup.server.spoil_content(&[Trouble::CutAfter(500_000), Trouble::WholeFile]);
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    assert_eq!(setup.ranges(), ["", "bytes=500000-"]);
}

#[test]
fn a_server_that_fails_twice_is_asked_a_third_time() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    server.spoil_descriptions(&[Trouble::Status(500), Trouble::Status(503)]);
    server.spoil_content(&[Trouble::Status(502), Trouble::Status(429)]);
    assert!(open(&options(&server, cache.path())).is_ok());
    assert_eq!(server.take_requests().len(), 6);
}

#[test]
fn a_server_that_keeps_failing_is_an_error_after_four_requests() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    server.spoil_descriptions(&vec![Trouble::Status(500); 9]);
    let error = open(&options(&server, cache.path())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    assert!(error.message().contains("500") && error.message().contains("127.0.0.1"), "{error}");
    assert_eq!(server.take_requests().len(), 4);
}

#[test]
fn bytes_that_went_wrong_on_the_way_are_fetched_again() {
    let setup = setup();
    setup.server.spoil_content(&[Trouble::Damaged]);
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    assert_eq!(setup.ranges(), ["", ""]);
}

#[test]
fn bytes_that_stay_wrong_never_become_a_file() {
    let setup = setup();
    setup.server.spoil_content(&vec![Trouble::Damaged; 4]);
    let error = setup.weights_are_right(&Control::new()).unwrap_err();
    assert!(error.code() == ErrorCode::Network && error.message().contains("SHA-256"), "{error}");
    let blob = setup.cache.path().join("models--owner--tiny-model/blobs").join(hexadecimal(&noise(SIZE)));
    assert!(!blob.exists());
}

#[test]
fn a_partial_file_of_something_else_is_thrown_away() {
    for length in [10, SIZE, SIZE + 1] {
        let setup = setup();
        let blobs = setup.cache.path().join("models--owner--tiny-model/blobs");
        fs::write(blobs.join(format!("{}.incomplete", hexadecimal(&noise(SIZE)))), vec![7; length]).unwrap();
        assert!(setup.weights_are_right(&Control::new()).unwrap(), "{length}");
    }
}

#[test]
fn cancelling_between_bytes_keeps_them_and_the_next_call_goes_on() {
    let setup = setup();
    let control = Control::new();
    let canceller = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.done > 600_000 {
            canceller.cancel();
        }
    })));
    let error = setup.weights_are_right(&control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    let kept = fs::metadata(&partial_files(setup.cache.path())[0]).unwrap().len();
    assert!((600_000..SIZE as u64).contains(&kept), "{kept}");
    setup.ranges();
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    assert_eq!(setup.ranges(), [format!("bytes={kept}-")]);
}

#[test]
fn cancelling_does_not_wait_for_a_silent_server() {
    let server = Server::start().with_large_file("model.safetensors", &noise(SIZE));
    let cache = tempfile::tempdir().unwrap();
    let model = open(&HubOptions { timeout: Some(Duration::from_mins(1)), ..options(&server, cache.path()) }).unwrap();
    server.spoil_content(&[Trouble::SilentAfter(300_000)]);
    let control = Control::new();
    let canceller = control.clone();
    let cancelling = std::thread::spawn(move || {
        wait_until(|| canceller.progress().done >= 300_000);
        canceller.cancel();
        Instant::now()
    });
    let error = model.weight_files(&|_| true, &control).unwrap_err();
    let waited = cancelling.join().unwrap().elapsed();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert_eq!(fs::metadata(&partial_files(cache.path())[0]).unwrap().len(), 300_000);
}

#[test]
fn a_silent_server_is_given_up_after_the_time_limit() {
    let setup = setup_with_timeout(Duration::from_secs(2));
    setup.server.spoil_content(&[Trouble::SilentAfter(300_000)]);
    let start = Instant::now();
    assert!(setup.weights_are_right(&Control::new()).unwrap());
    // The server would be silent for a minute.
    assert!((2..30).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(setup.ranges(), ["", "bytes=300000-"]);
}

#[test]
fn a_cancelled_control_asks_nothing() {
    let setup = setup();
    let control = Control::new();
    control.cancel();
    assert_eq!(setup.weights_are_right(&control).unwrap_err().code(), ErrorCode::Cancelled);
    assert!(setup.server.take_requests().is_empty());
}

#[test]
fn a_server_that_is_no_hub_or_a_hostile_one_is_an_error() {
    let hostile = [
        "Content-Length: 5\r\n",
        "X-Repo-Commit: ../../../evil\r\nETag: \"a\"\r\nContent-Length: 5\r\n",
        "X-Repo-Commit: abc\r\nETag: \"../../../evil\"\r\nContent-Length: 5\r\n",
        "X-Repo-Commit: abc\r\nContent-Length: 5\r\n",
        "X-Repo-Commit: \r\nETag: \"\"\r\nContent-Length: 5\r\n",
    ];
    for headers in hostile {
        let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
        server.spoil_descriptions(&[Trouble::Headers(headers)]);
        let error = open(&options(&server, cache.path())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Network, "{headers}");
        assert!(error.hint_text().contains("HF_ENDPOINT"), "{error}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "nothing is written for {headers}");
    }
}

#[test]
fn sizes_that_contradict_each_other_or_are_absurd_are_errors() {
    let commit = "X-Repo-Commit: abc\r\nETag: \"a\"\r\n";
    for size in ["5", "18446744073709551615"] {
        let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
        let headers = format!("{commit}Content-Length: {size}\r\n").leak();
        server.spoil_descriptions(&[Trouble::Headers(headers)]);
        server.spoil_content(&[Trouble::Headers("Content-Length: 22\r\n")]);
        let error = open(&options(&server, cache.path())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Network, "{error}");
        assert!(error.message().contains(size), "{error}");
    }
}
