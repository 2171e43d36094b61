//! How a model should have been named, where the name is not quite one: an address of the hub, an id with a slash too
//! many, a repository without what is read. Only for hints: nothing is opened under another name than the caller's.

use super::id::RepositoryId;
use super::part_name::GGUF_ENDING;
use crate::error::shown;

/// How many files a hint names.
const MOST_NAMED: usize = 3;

/// What stands between the id and the revision in the addresses of a hub.
const PAGES: [&str; 6] = ["tree", "blob", "resolve", "raw", "commit", "discussions"];

/// The id, perhaps with a GGUF file, that a text seems to mean and is not; `None` where that cannot be told.
pub(super) fn meant(text: &str) -> Option<String> {
    // A path from the root, and a file, are what they are.
    if text.starts_with('/') || (text.ends_with(GGUF_ENDING) && !text.contains("://")) {
        return None;
    }
    let plain = text.trim().trim_matches(['"', '\'', '`']);
    let plain = plain.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    let address = ["https://", "http://", "hf://"].into_iter().find_map(|scheme| plain.strip_prefix(scheme));
    let plain = match address {
        Some(rest) if text.contains("hf://") => rest.to_owned(),
        Some(rest) => rest.split_once('/')?.1.to_owned(),
        None => ["huggingface.co/", "www.huggingface.co/", "hf.co/"]
            .into_iter()
            .find_map(|host| plain.strip_prefix(host))
            .unwrap_or(&plain)
            .to_owned(),
    };
    let plain = plain.trim_start_matches("./").trim_matches('/');
    let plain = plain.strip_prefix("models/").filter(|rest| rest.contains('/')).unwrap_or(plain);
    if plain.starts_with("datasets/") || plain.starts_with("spaces/") {
        return None;
    }
    let parts: Vec<&str> = plain.split('/').collect();
    let page = parts.iter().position(|part| PAGES.contains(part)).filter(|at| *at > 0 && *at <= 2);
    let (id, file) = match page {
        // `owner/name/blob/main/file.gguf`
        Some(at) => (parts[..at].join("/"), parts.get(at + 2..).unwrap_or_default().join("/")),
        None => match plain.split_once(':') {
            Some((id, file)) => (id.to_owned(), file.to_owned()),
            None => (plain.to_owned(), String::new()),
        },
    };
    let id = id.strip_suffix(".git").unwrap_or(&id).trim_end_matches('/');
    // `owner/name@revision`
    let id = id.split_once('@').map_or(id, |(id, _)| id);
    RepositoryId::parse(id).ok()?;
    let meant = if file.ends_with(GGUF_ENDING) { format!("{id}:{file}") } else { id.to_owned() };
    (meant != text).then_some(meant)
}

/// The hint that a text seems to mean an id.
pub(super) fn hint(text: &str) -> Option<String> {
    let meant = meant(text)?;
    let revision = if text.contains('@') { "; a revision is an option of its own" } else { "" };
    Some(format!("a model on the hub is written `{}`{revision}", shown(&meant)))
}

/// Which file of a repository was meant by `owner/name:tag`, as other programs write it.
pub(super) fn tagged(id: &str, tag: &str, names: &[String]) -> String {
    let small = tag.to_ascii_lowercase();
    let (with, without): (Vec<&String>, Vec<&String>) =
        ggufs(names).partition(|name| name.to_ascii_lowercase().contains(&small));
    let found = if with.is_empty() { &without } else { &with };
    match found.as_slice() {
        [] => format!("name a GGUF file of the repository, such as `{id}:model-{}.gguf`", shown(tag)),
        files => format!("name a file of the repository: {}", listed(id, files)),
    }
}

/// What a repository has in place of a file that says what the model is.
#[cfg(feature = "hub")]
pub(super) fn instead_of(file: &str, id: &str, names: &[String]) -> Option<String> {
    let files: Vec<&String> = ggufs(names).collect();
    let has = |name: &str| names.iter().any(|other| other == name);
    if !files.is_empty() {
        return Some(format!("name a GGUF file of the repository: {}", listed(id, &files)));
    }
    if file.ends_with(GGUF_ENDING) {
        return Some(format!("the repository has no GGUF files; as a transformers model it is `{id}`"))
            .filter(|_| has("config.json"));
    }
    super::folder::instead(&has).map(|(_, remedy)| remedy.to_owned())
}

fn ggufs(names: &[String]) -> impl Iterator<Item = &String> {
    // Of a model in parts, the first one names it.
    let is_later_part = |name: &str| name.contains("-of-") && !name.contains("-00001-of-");
    names.iter().filter(move |name| name.ends_with(GGUF_ENDING) && !is_later_part(name))
}

fn listed(id: &str, files: &[&String]) -> String {
    let names: Vec<String> = files.iter().take(MOST_NAMED).map(|file| format!("`{id}:{}`", shown(file))).collect();
    let more = if files.len() > MOST_NAMED { format!(" or {} more", files.len() - MOST_NAMED) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_an_id_is_understood() {
        for (text, expected) in [
            ("owner/name/", "owner/name"),
            ("./name", "name"),
            ("./owner/name", "owner/name"),
            (" owner/name\n", "owner/name"),
            ("\"owner/name\"", "owner/name"),
            ("owner\\name", "owner/name"),
            ("owner/name.git", "owner/name"),
            ("owner/name@v1", "owner/name"),
            ("models/owner/name", "owner/name"),
            ("https://huggingface.co/owner/name", "owner/name"),
            ("https://huggingface.co/owner/name/", "owner/name"),
            ("https://huggingface.co/owner/name/tree/main", "owner/name"),
            ("https://huggingface.co/owner/name?library=x", "owner/name"),
            ("https://huggingface.co/gpt2/blob/main/config.json", "gpt2"),
            ("https://huggingface.co/owner/name/blob/main/Q8/a-Q8_0.gguf", "owner/name:Q8/a-Q8_0.gguf"),
            ("https://huggingface.co/owner/name/resolve/main/a.gguf?download=true", "owner/name:a.gguf"),
            ("huggingface.co/owner/name", "owner/name"),
            ("hf.co/owner/name:Q4_K_M", "owner/name"),
            ("hf://owner/name", "owner/name"),
            ("https://mirror.example/owner/name", "owner/name"),
        ] {
            assert_eq!(meant(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "owner/name",
            "/data/models/x",
            "../x",
            "~/x",
            "",
            "https://huggingface.co",
            "a b",
            "datasets/a/b",
            "a/b/c",
        ] {
            assert_eq!(meant(text), None, "{text}");
        }
    }

    #[test]
    fn files_are_named_as_they_are_written() {
        let names = ["README.md", "a-Q4_K_M.gguf", "a-Q8_0.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf"];
        let names = names.map(str::to_owned);
        assert_eq!(tagged("o/n", "q4_k_m", &names), "name a file of the repository: `o/n:a-Q4_K_M.gguf`");
        let all = "`o/n:a-Q4_K_M.gguf`, `o/n:a-Q8_0.gguf`, `o/n:b-00001-of-00002.gguf`";
        assert!(tagged("o/n", "latest", &names).contains(all));
        assert!(tagged("o/n", "Q4_0", &[]).contains("such as `o/n:model-Q4_0.gguf`"));
    }

    #[cfg(feature = "hub")]
    #[test]
    fn a_repository_without_a_configuration_is_called_what_it_is() {
        let names = ["README.md", "a-Q8_0.gguf"].map(str::to_owned);
        assert!(instead_of("config.json", "o/n", &names).unwrap().contains("`o/n:a-Q8_0.gguf`"));
        assert_eq!(instead_of("config.json", "o/n", &["README.md".to_owned()]), None);
        let diffusers = ["model_index.json".to_owned()];
        assert!(instead_of("config.json", "o/n", &diffusers).unwrap().contains("text_encoder"));
    }
}
