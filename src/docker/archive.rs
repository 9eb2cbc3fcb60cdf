//! Tar archives: of one file to copy into a container, made in memory, and of a build's context, made entry by entry.
//!
//! Where a file is copied in, the engine makes missing parent folders itself, and leaves the modes of those that are
//! there alone as long as the archive does not name them.

use crate::core::desired::Archive;
use crate::core::desired::BuildContext;
use crate::core::desired::ContextEntry;
use crate::core::desired::ContextError;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

const BLOCK: usize = 512;
/// As many bytes as a header has for a name.
const NAME: usize = 100;

/// Returns an uncompressed archive that holds the file under its path without the leading `/`.
///
/// # Errors
/// Fails if the path is too long for the format (255 bytes, its last part 100).
pub(super) fn of(file: &Archive) -> Result<Vec<u8>, EngineError> {
    let path = file.path.trim_start_matches('/');
    let (prefix, name) = split(path).ok_or_else(|| {
        EngineError::new(
            EngineErrorKind::Invalid,
            format!("{}: the path is empty or too long to be copied into a container", file.path),
        )
    })?;
    let content = file.content.expose().as_bytes();
    let size = content.len() as u64;
    let header =
        Header { prefix, mode: file.mode & 0o7777, uid: file.uid, gid: file.gid, size, ..Header::of(name) };
    let header = header.block();

    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    let mut archive = Vec::with_capacity(BLOCK * 3 + content.len() + padding);
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len() + padding + 2 * BLOCK, 0);
    Ok(archive)
}

/// Hands a build's context on, piece by piece: the same pieces for the same context. Times and owners are zero.
///
/// # Errors
/// Fails as [`BuildContext::content`] does. Ends early and well if `send` returns false.
pub(super) fn of_context(
    context: &BuildContext,
    mut send: impl FnMut(Vec<u8>) -> bool,
) -> Result<(), ContextError> {
    for (path, entry) in context.entries() {
        let content = context.content(path, entry)?;
        let size = content.len() as u64;
        let padding = content.len().next_multiple_of(BLOCK) - content.len();
        let mut headers = Vec::new();
        let (name, link) = match entry {
            ContextEntry::Folder => (format!("{path}/"), ""),
            ContextEntry::Link(target) => (path.clone(), target.as_str()),
            ContextEntry::File { .. } | ContextEntry::Made(_) => (path.clone(), ""),
        };
        let (kind, mode) = match entry {
            ContextEntry::Folder => (b'5', 0o755),
            ContextEntry::Link(_) => (b'2', 0o777),
            ContextEntry::File { executable: true, .. } => (b'0', 0o755),
            ContextEntry::File { executable: false, .. } | ContextEntry::Made(_) => (b'0', 0o644),
        };
        let short_name = long(&mut headers, b'L', &name);
        let short_link = long(&mut headers, b'K', link);
        let header = Header { kind, mode, size, link: short_link, ..Header::of(short_name) };
        headers.extend_from_slice(&header.block());
        if !send(headers) || !send(content) || !send(vec![0; padding]) {
            return Ok(());
        }
    }
    send(vec![0; 2 * BLOCK]);
    Ok(())
}

/// Returns the text as far as a header can hold it. If that is not all, the whole of it goes before, as GNU's tar does it.
fn long<'a>(headers: &mut Vec<u8>, kind: u8, text: &'a str) -> &'a [u8] {
    let bytes = text.as_bytes();
    if bytes.len() <= NAME {
        return bytes;
    }
    let size = bytes.len() as u64 + 1;
    headers.extend_from_slice(&Header { kind, size, ..Header::of("././@LongLink") }.block());
    headers.extend_from_slice(bytes);
    headers.resize((headers.len() + 1).next_multiple_of(BLOCK), 0);
    &bytes[..NAME]
}

/// What a header says of an entry.
struct Header<'a> {
    name: &'a [u8],
    prefix: &'a str,
    link: &'a [u8],
    kind: u8,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
}

impl<'a> Header<'a> {
    /// Returns the header of an empty file.
    fn of(name: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { name: name.as_ref(), prefix: "", link: b"", kind: b'0', mode: 0o644, uid: 0, gid: 0, size: 0 }
    }

    fn block(&self) -> [u8; BLOCK] {
        let mut header = [0_u8; BLOCK];
        put(&mut header, 0, self.name);
        octal(&mut header, 100, 8, u64::from(self.mode));
        octal(&mut header, 108, 8, u64::from(self.uid));
        octal(&mut header, 116, 8, u64::from(self.gid));
        octal(&mut header, 124, 12, self.size);
        octal(&mut header, 136, 12, 0); // Modification time.
        put(&mut header, 148, b"        "); // The checksum counts itself as spaces.
        put(&mut header, 156, &[self.kind]);
        put(&mut header, 157, self.link);
        put(&mut header, 257, b"ustar\x0000");
        put(&mut header, 345, self.prefix.as_bytes());
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        header
    }
}

/// Splits a path into the header's prefix (155 bytes) and name (100 bytes).
fn split(path: &str) -> Option<(&str, &str)> {
    if path.is_empty() || path.ends_with('/') {
        return None;
    }
    if path.len() <= 100 {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100)
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes a number in octal, filled with zeros, ended by a NUL. Ids that need more digits than there are do not occur:
/// 7 digits hold 2,097,151.
fn octal(header: &mut [u8; BLOCK], at: usize, width: usize, value: u64) {
    let digits = width - 1;
    let text = format!("{value:0digits$o}");
    put(header, at, &text.as_bytes()[text.len() - digits..]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::compose;
    use crate::core::desired::Builds;
    use crate::core::desired::ImageBuild;
    use crate::core::model::Secret;
    use crate::core::model::Tree;
    use crate::publish::FolderTree;

    fn file(path: &str, content: &str) -> Archive {
        Archive { path: path.into(), content: Secret::new(content), uid: 1000, gid: 100, mode: 0o440 }
    }

    #[test]
    fn the_systems_tar_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let tar = folder.path().join("a.tar");
        let long = format!("/{}/{}", "d".repeat(120), "f".repeat(90));
        std::fs::write(&tar, of(&file(&long, "s3cret")).expect("fits")).expect("written");
        let listed = std::process::Command::new("tar").arg("-tvf").arg(&tar).output().expect("tar runs");
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.starts_with("-r--r----- 1000/100"), "{listed}");
        assert!(listed.trim_end().ends_with(&long[1..]), "{listed}");
        let content =
            std::process::Command::new("tar").arg("-xOf").arg(&tar).output().expect("tar runs").stdout;
        assert_eq!(content, b"s3cret");
    }

    /// Returns the build of the folder's project.
    fn build_of(folder: &std::path::Path) -> Arc<ImageBuild> {
        let tree: Arc<dyn Tree> = Arc::new(FolderTree);
        let working_dir = folder.display().to_string();
        let options = compose::Options { working_dir, ..compose::Options::default() };
        let project = compose::load(tree.as_ref(), &options).expect("a project").project;
        let (builds, _) = Builds::read(&project, &tree, "2.40.3").expect("it can be built");
        builds.all().next().cloned().expect("one build")
    }

    /// Returns the archive of the context of the folder's project.
    fn archive_of(folder: &std::path::Path) -> Vec<u8> {
        let mut archive = Vec::new();
        let build = build_of(folder);
        let sent = of_context(&build.context, |piece| {
            archive.extend_from_slice(&piece);
            true
        });
        assert_eq!(sent, Ok(()));
        archive
    }

    #[test]
    fn a_contexts_archive_is_the_same_whenever_it_is_made_and_the_systems_tar_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let deep = format!("{}/{}", "d".repeat(120), "f".repeat(130));
        let target = "t/".repeat(80);
        let make = || {
            std::fs::create_dir_all(at(&format!("app/{}", "d".repeat(120)))).expect("made");
            std::fs::write(at("compose.yaml"), "services: {web: {build: app}}").expect("written");
            std::fs::write(at("app/Dockerfile"), "FROM scratch\n").expect("written");
            std::fs::write(at(&format!("app/{deep}")), "x".repeat(600)).expect("written");
            std::os::unix::fs::symlink(&target, at("app/link")).expect("linked");
        };
        make();
        let first = archive_of(folder.path());
        std::fs::remove_dir_all(at("app")).expect("removed");
        make();
        assert_eq!(archive_of(folder.path()), first, "times and inodes are no part of it");
        let tar = at("a.tar");
        std::fs::write(&tar, &first).expect("written");
        let run = |arguments: &[&str]| {
            let output =
                std::process::Command::new("tar").args(arguments).arg(&tar).output().expect("tar runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let listed = run(&["--utc", "-tvf"]);
        let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<String> = lines.iter().map(|words| words[5..].join(" ")).collect();
        let folder_name = format!("{}/", "d".repeat(120));
        assert_eq!(names, ["Dockerfile", &folder_name, &deep, &format!("link -> {target}")]);
        for (words, mode) in lines.iter().zip(["-rw-r--r--", "drwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"]) {
            assert_eq!((words[0], words[1], words[3]), (mode, "0/0", "1970-01-01"));
        }
        assert_eq!(run(&["-xOf"]), format!("FROM scratch\n{}", "x".repeat(600)));
    }

    #[test]
    fn nobody_is_sent_more_than_they_take() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("compose.yaml"), "services: {web: {build: .}}").expect("written");
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("written");
        let build = build_of(folder.path());
        let mut pieces = 0;
        assert_eq!(
            of_context(&build.context, |_| {
                pieces += 1;
                false
            }),
            Ok(())
        );
        assert_eq!(pieces, 1);
        std::fs::write(folder.path().join("Dockerfile"), "FROM other\n").expect("written");
        let changed = of_context(&build.context, |_| true).expect_err("it changed");
        assert!(changed.to_string().contains("has changed since"), "{changed}");
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused_rather_than_cut() {
        assert_eq!(
            of(&file(&"x".repeat(101), "")).map(|_| ()).map_err(|e| e.kind),
            Err(EngineErrorKind::Invalid)
        );
        assert!(of(&file("/", "")).is_err());
    }
}
