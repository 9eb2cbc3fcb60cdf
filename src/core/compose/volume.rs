//! The short form of a mount: `[source:]target[:options]`.

/// A mount's short form, taken apart.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own in the text")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShortVolume {
    /// What is mounted; empty for an anonymous volume.
    pub(super) source: String,
    /// Where.
    pub(super) target: String,
    /// Whether it cannot be written.
    pub(super) read_only: bool,
    /// Whether the image's files are not copied.
    pub(super) nocopy: bool,
    /// How mounts below it spread.
    pub(super) propagation: Option<String>,
    /// `z` or `Z`.
    pub(super) selinux: Option<String>,
    /// Whether the source is a path of the host.
    pub(super) bind: bool,
    /// Whether it is of one or two letters, which are taken as a target without more thought.
    pub(super) bare: bool,
}

/// Parses the short form. Unknown options are ignored, as compose-go does.
///
/// # Errors
/// Fails if it is empty, has an empty part or too many of them.
pub(super) fn parse(spec: &str) -> Result<ShortVolume, String> {
    let mut volume = ShortVolume::default();
    match spec.len() {
        0 => return Err("invalid empty volume spec".into()),
        1 | 2 => {
            spec.clone_into(&mut volume.target);
            volume.bare = true;
            return Ok(volume);
        }
        _ => {}
    }
    let parts = parts(spec);
    let last = parts.len() - 1;
    for (index, part) in parts.iter().enumerate() {
        if part.is_empty() {
            return Err(format!("invalid spec: {spec}: empty section between colons"));
        }
        if volume.source.is_empty() && index == last {
            volume.target = String::from(*part);
        } else if volume.source.is_empty() {
            volume.source = String::from(*part);
        } else if volume.target.is_empty() {
            volume.target = String::from(*part);
        } else if index < last {
            return Err(format!("invalid spec: {spec}: too many colons"));
        } else {
            part.split(',').for_each(|option| volume.option(option));
        }
    }
    volume.bind = is_path(&volume.source);
    Ok(volume)
}

impl ShortVolume {
    fn option(&mut self, option: &str) {
        match option {
            "ro" => self.read_only = true,
            "rw" => self.read_only = false,
            "nocopy" => self.nocopy = true,
            "z" | "Z" => self.selinux = Some(option.to_owned()),
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                self.propagation = Some(option.to_owned());
            }
            _ => {}
        }
    }
}

/// Splits at colons, except behind a single letter, which is a drive, and inside `${}`.
fn parts(spec: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut braces = 0usize;
    for (at, c) in spec.char_indices() {
        let part = &spec[start..at];
        match c {
            '$' if spec[at + 1..].starts_with('{') => braces += 1,
            '}' if braces > 0 => braces -= 1,
            ':' if braces == 0 && !is_drive_letter(part) => {
                parts.push(part);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&spec[start..]);
    parts
}

fn is_drive_letter(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

fn is_path(source: &str) -> bool {
    let drive = source.split_once(':').is_some_and(|(drive, _)| is_drive_letter(drive));
    source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") || drive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_mounts_are_taken_apart() {
        let of = |spec: &str| {
            let v = parse(spec).expect(spec);
            (v.source, v.target, v.read_only, v.bind)
        };
        assert_eq!(of("/a"), (String::new(), "/a".into(), false, false));
        assert_eq!(of("data:/b:ro"), ("data".into(), "/b".into(), true, false));
        assert_eq!(of("./a:/b:rw,z"), ("./a".into(), "/b".into(), false, true));
        assert_eq!(of("v:/data"), (String::new(), "v:/data".into(), false, false));
        assert_eq!(of("c:\\a:/b"), ("c:\\a".into(), "/b".into(), false, true));
        assert_eq!(of("/a:/b:nope"), ("/a".into(), "/b".into(), false, true));
    }

    #[test]
    fn bad_mounts_are_refused() {
        for spec in ["", "a1::b", "aa:bb:cc:dd", ":/x1", "aa:bb:"] {
            assert!(parse(spec).is_err(), "{spec}");
        }
    }
}
