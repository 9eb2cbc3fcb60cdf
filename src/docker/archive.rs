//! A tar archive of one file, made in memory. The engine makes missing parent folders itself, and leaves the modes of
//! those that are there alone as long as the archive does not name them.

use crate::core::desired::Archive;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

const BLOCK: usize = 512;

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
    let mut header = [0_u8; BLOCK];
    put(&mut header, 0, name.as_bytes());
    octal(&mut header, 100, 8, u64::from(file.mode & 0o7777));
    octal(&mut header, 108, 8, u64::from(file.uid));
    octal(&mut header, 116, 8, u64::from(file.gid));
    octal(&mut header, 124, 12, content.len() as u64);
    octal(&mut header, 136, 12, 0); // Modification time.
    put(&mut header, 148, b"        "); // The checksum counts itself as spaces.
    put(&mut header, 156, b"0"); // A regular file.
    put(&mut header, 257, b"ustar\x0000");
    put(&mut header, 345, prefix.as_bytes());
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());

    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    let mut archive = Vec::with_capacity(BLOCK * 3 + content.len() + padding);
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len() + padding + 2 * BLOCK, 0);
    Ok(archive)
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
    use super::*;
    use crate::core::model::Secret;

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

    #[test]
    fn a_path_that_does_not_fit_is_refused_rather_than_cut() {
        assert_eq!(
            of(&file(&"x".repeat(101), "")).map(|_| ()).map_err(|e| e.kind),
            Err(EngineErrorKind::Invalid)
        );
        assert!(of(&file("/", "")).is_err());
    }
}
