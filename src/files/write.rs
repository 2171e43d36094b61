//! Writing of files, completely or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::place::{is_at, target_of};
use crate::error::{Error, Result};

/// The prefix and suffix of the names of files that are being written.
const PART: (&str, &str) = (".eidos-", ".part");

/// Writes a file so that a reader sees either the old or the complete new one, even after a crash. The bytes go to a
/// temporary file in the same folder, are synced to the disk, and then the temporary file is renamed. Of several
/// writers at the same time the last one wins, with its whole file. A link is kept, and its target is written.
///
/// # Errors
/// [`ErrorCode::NotFound`] when the folder does not exist, [`ErrorCode::Io`] with the path when the system refuses
/// (disk full, no permission) or when something other than a file is there, [`ErrorCode::InvalidArgument`] for an empty
/// path. The temporary file is removed.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> Result<()> {
    let target = target_of(path)?;
    remove_leftovers(&target);
    // The temporary file is open, and so locked, until it is renamed.
    let (part, file) = create_part(&target).map_err(|error| Error::io(path, "write", &error))?;
    let result = write_synced(&file, write).and_then(|()| fs::rename(&part, &target));
    result.map_err(|error| {
        // A failure to remove the file is ignored: the error that matters is the one that is returned.
        fs::remove_file(&part).ok();
        Error::io(path, "write", &error)
    })
}

/// Creates a temporary file beside `path`, under a name that no other call of any process uses. The name is short and
/// does not contain that of `path`, which may be as long as the system allows. The file is locked while it is open,
/// which tells it from one that a dead process left behind.
fn create_part(path: &Path) -> io::Result<(PathBuf, File)> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    loop {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let part = path.with_file_name(format!("{}{}-{call}{}", PART.0, std::process::id(), PART.1));
        let file = match File::create_new(&part) {
            // A process with the same id left it behind when it was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        match file.try_lock() {
            // Another process took the file for a leftover before it was locked, and removed it.
            Ok(()) if !is_at(&file, &part) => {}
            Err(TryLockError::WouldBlock) => {}
            // On file systems without locks, no file is ever taken for a leftover.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok((part, file)),
        }
    }
}

/// Removes temporary files beside a file that nobody writes any more, because their processes were killed. A file that
/// cannot be removed is left to the next call.
fn remove_leftovers(path: &Path) {
    // On other systems, such a file cannot be told from one that is not locked yet.
    if !cfg!(unix) {
        return;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten().filter(|entry| is_part(&entry.file_name())) {
        let part = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(file) = OpenOptions::new().write(true).open(&part) else { continue };
        if file.try_lock().is_ok() && is_at(&file, &part) {
            fs::remove_file(&part).ok();
        }
    }
}

fn is_part(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(PART.0) && name.ends_with(PART.1))
}

fn write_synced(file: &File, write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    write(&mut writer)?;
    writer.flush()?;
    file.sync_all()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::error::ErrorCode;

    /// What children are told: the file to write, and which byte it is to be full of.
    const TARGET: &str = "EIDOS_TEST_TARGET";
    const BYTE: &str = "EIDOS_TEST_BYTE";

    fn write_all(path: &Path, bytes: &[u8]) -> Result<()> {
        write_atomically(path, |writer| writer.write_all(bytes))
    }

    fn child(test: &str, target: &Path, byte: u8) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &format!("files::write::tests::{test}"), "--ignored"]);
        child.env(TARGET, target).env(BYTE, byte.to_string()).stdout(std::process::Stdio::null()).spawn().unwrap()
    }

    fn told() -> (PathBuf, u8) {
        (std::env::var_os(TARGET).unwrap().into(), std::env::var(BYTE).unwrap().parse().unwrap())
    }

    fn parts(folder: &Path) -> Vec<PathBuf> {
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| is_part(path.file_name().unwrap())).collect()
    }

    fn wait_until(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_mins(1), "this takes too long");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    #[ignore = "a part of `of_several_writers_the_last_one_wins_whole`"]
    fn child_writes_again_and_again() {
        let (path, byte) = told();
        (0..20).for_each(|_| write_all(&path, &vec![byte; 100_000]).unwrap());
    }

    #[test]
    fn of_several_writers_the_last_one_wins_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_all(&path, &vec![0; 100_000]).unwrap();
        let mut children = [1, 2].map(|byte| child("child_writes_again_and_again", &path, byte));
        std::thread::scope(|scope| {
            for byte in [3, 4] {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write_all(path, &vec![byte; 100_000]).unwrap()));
            }
            for _ in 0..100 {
                let bytes = fs::read(&path).unwrap();
                assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]));
            }
        });
        assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
        assert!(parts(folder.path()).is_empty());
    }

    #[test]
    #[ignore = "a part of `what_a_killed_process_left_is_removed_and_nothing_else`"]
    fn child_never_finishes() {
        write_atomically(&told().0, |writer| {
            writer.write_all(b"half")?;
            writer.flush()?;
            loop {
                std::thread::park();
            }
        })
        .unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut writing = child("child_never_finishes", &folder.path().join("other"), 0);
        wait_until(|| parts(folder.path()).iter().any(|part| part.metadata().is_ok_and(|found| found.len() == 4)));
        let foreign = folder.path().join(".eidos-mine.txt");
        fs::write(&foreign, "").unwrap();
        // It lives: its part is its own, whatever other files are written beside it.
        write_all(&folder.path().join("file"), b"whole").unwrap();
        assert_eq!(parts(folder.path()).len(), 1);
        writing.kill().unwrap();
        writing.wait().unwrap();
        assert_eq!(parts(folder.path()).len(), 1);
        write_all(&folder.path().join("file"), b"whole").unwrap();
        assert!(parts(folder.path()).is_empty() && foreign.exists());
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"whole");
    }

    #[test]
    fn links_stay_links_and_what_they_lead_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        fs::write(at("elsewhere/file"), "old").unwrap();
        symlink("elsewhere/file", at("link")).unwrap();
        symlink(at("link"), at("link to a link")).unwrap();
        symlink("elsewhere/new", at("to nothing yet")).unwrap();
        for (link, target) in
            [("link", "elsewhere/file"), ("link to a link", "elsewhere/file"), ("to nothing yet", "elsewhere/new")]
        {
            write_all(&at(link), link.as_bytes()).unwrap();
            assert!(at(link).is_symlink() && !at(target).is_symlink());
            assert_eq!(fs::read_to_string(at(target)).unwrap(), link);
        }
        assert!(parts(folder.path()).is_empty() && parts(&at("elsewhere")).is_empty());
        symlink("round", at("about")).unwrap();
        symlink("about", at("round")).unwrap();
        symlink("/dev/null", at("nowhere")).unwrap();
        symlink("elsewhere", at("to a folder")).unwrap();
        symlink("none/file", at("into no folder")).unwrap();
        for (link, says) in [
            ("round", "back to itself"),
            ("nowhere", "not a file"),
            ("to a folder", "not a file"),
            ("into no folder", ""),
        ] {
            let error = write_all(&at(link), b"").unwrap_err();
            assert!(error.message().contains(link) && error.message().contains(says), "{error}");
            assert!(at(link).is_symlink());
        }
    }

    #[test]
    fn what_is_not_a_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let before = |path: &Path| fs::symlink_metadata(path).unwrap().file_type();
        let paths = [at("folder"), at("pipe"), at("socket"), "/dev/null".into(), "..".into()];
        #[cfg(target_os = "linux")]
        let (open, paths) = {
            use std::os::fd::AsRawFd;
            let open = io::pipe().unwrap();
            let link = PathBuf::from(format!("/proc/self/fd/{}", open.1.as_raw_fd()));
            (open, paths.into_iter().chain([link]))
        };
        for path in paths {
            let kind = before(&path);
            let error = write_all(&path, b"").unwrap_err();
            assert_eq!(error.code(), ErrorCode::Io);
            assert!(
                error.message().contains("not a file") && error.message().contains(path.to_str().unwrap()),
                "{error}"
            );
            assert_eq!(before(&path), kind);
        }
        #[cfg(target_os = "linux")]
        drop(open);
        let error = write_all(Path::new(""), b"").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(parts(folder.path()).is_empty());
    }
}
