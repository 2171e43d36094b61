//! Disks that are full or cannot be written.

use std::path::Path;

use eidos::{Activations, CollectOptions, Control, ErrorCode, Stage};

use crate::common::{Disk, SPLITS, assert_error, collect, everything, many_texts, steps, tiny, watching};

fn options(folder: &Path) -> CollectOptions {
    CollectOptions {
        folder: Some(folder.to_owned()),
        shard_bytes: 3000,
        batch_tokens: 1,
        memory_limit: 0,
        ..CollectOptions::default()
    }
}

/// The names and times of the files of a folder.
fn files(folder: &Path) -> Vec<(String, std::time::SystemTime)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_collection_onto_a_full_disk_goes_on_when_there_is_room() {
    let Some(disk) = Disk::new(96 << 10) else { return };
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(150));
    let expected = everything(&collect(&model, &texts, &CollectOptions::default()).unwrap()[0]);
    let folder = disk.path().join("rows");
    let error =
        assert_error(collect(&model, &texts, &options(&folder)), ErrorCode::Io, &["cannot write", "free some space"]);
    let named = error.details().iter().find(|(key, _)| key == "path").map(|(_, path)| path.clone());
    assert!(named.is_some_and(|path| path.starts_with(folder.to_str().unwrap())), "{error}");
    let left = files(&folder);
    assert!(left.iter().all(|(name, _)| !name.contains("part")), "{left:?}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let complete = manifest["shards"].as_array().unwrap().len();
    assert!(complete > 3, "{left:?}");
    // Trying again without room is the same error, and loses nothing.
    assert_error(collect(&model, &texts, &options(&folder)), ErrorCode::Io, &["free some space"]);
    disk.remount("size=4m");
    let (control, log) = watching(usize::MAX);
    let resumed = model.activations(&texts, &options(&folder), &control).unwrap();
    assert!(everything(&resumed[0]) == expected);
    assert!(everything(&Activations::open(&folder).unwrap()) == expected);
    let after = files(&folder);
    let kept = left.iter().filter(|(name, _)| name.starts_with("rows-")).take(complete);
    assert!(kept.into_iter().all(|file| after.contains(file)), "a complete shard was written again");
    assert!(steps(&log, Stage::Forward) < texts.len());
}

#[test]
fn a_disk_without_any_room_is_an_error_before_the_model_runs() {
    let Some(disk) = Disk::new(8 << 10) else { return };
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    std::fs::write(disk.path().join("ballast"), vec![1; 8 << 10]).unwrap_or_default();
    let (control, log) = watching(usize::MAX);
    let folder = disk.path().join("rows");
    assert_error(model.activations(&many_texts(20), &options(&folder), &control), ErrorCode::Io, &["units", "space"]);
    assert_eq!(steps(&log, Stage::Forward), 1, "only the beginning of the stage");
    assert!(files(&folder).is_empty());
}

#[test]
fn a_save_onto_a_full_disk_can_be_done_again() {
    let Some(disk) = Disk::new(64 << 10) else { return };
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(150));
    let activations = collect(&model, &texts, &CollectOptions::default()).unwrap().remove(0);
    let folder = disk.path().join("saved");
    assert_error(activations.save(&folder, &Control::new()), ErrorCode::Io, &["rows-00000", "free some space"]);
    assert!(files(&folder).iter().all(|(name, _)| !name.contains("part")));
    assert_error(Activations::open(&folder), ErrorCode::InvalidFile, &["0 of", "save into the same folder again"]);
    disk.remount("size=4m");
    activations.save(&folder, &Control::new()).unwrap();
    assert!(everything(&Activations::open(&folder).unwrap()) == everything(&activations));
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    let Some(disk) = Disk::new(4 << 20) else { return };
    let (model, texts) = (tiny("eurobert", "base", &SPLITS[..1]), many_texts(40));
    let (half, full) = (disk.path().join("half"), disk.path().join("full"));
    let (control, _) = watching(20);
    assert_error(model.activations(&texts, &options(&half), &control), ErrorCode::Cancelled, &[]);
    let expected = everything(&collect(&model, &texts, &options(&full)).unwrap()[0]);
    let before = files(&half);
    disk.remount("ro");
    assert_error(collect(&model, &texts, &options(&half)), ErrorCode::Io, &["cannot write", "half"]);
    let none = disk.path().join("none");
    assert_error(collect(&model, &texts, &options(&none)), ErrorCode::Io, &["create the folder", "none"]);
    // What is complete needs no writing: neither to be opened, nor to be asked for once more.
    assert!(everything(&Activations::open(&full).unwrap()) == expected);
    assert!(everything(&collect(&model, &texts, &options(&full)).unwrap()[0]) == expected);
    assert_eq!(files(&half), before);
    disk.remount("rw");
    assert!(everything(&collect(&model, &texts, &options(&half)).unwrap()[0]) == expected);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let set = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: permissions do not hold for this process (root)");
        return;
    }
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let result = collect(&model, &["a film"], &options(folder.path()));
    set(0o755);
    assert_error(result, ErrorCode::Io, &["units", "check the permissions"]);
}
