//! Image references as Docker shortens them.

/// Returns the reference as `docker image ls` shows it: without `docker.io/library/` and with a tag.
/// Ids (`sha256:…`) and references by digest keep their form.
pub fn familiar(reference: &str) -> String {
    let short =
        ["docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/"]
            .iter()
            .find_map(|prefix| reference.strip_prefix(prefix))
            .unwrap_or(reference);
    let name = short.rsplit('/').next().unwrap_or(short);
    if short.starts_with("sha256:") {
        return short.into();
    }
    match short.split_once('@') {
        // Docker drops the tag of a reference that has both.
        Some((tagged, digest)) => {
            let file = tagged.rsplit('/').next().unwrap_or(tagged);
            let bare = file.rfind(':').map_or(tagged, |at| &tagged[..tagged.len() - file.len() + at]);
            format!("{bare}@{digest}")
        }
        None if name.contains(':') => short.into(),
        None => format!("{short}:latest"),
    }
}

/// Returns the registry that a reference's image comes from: its host with its port, or `docker.io`.
pub fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some(("index.docker.io", _)) | None => "docker.io",
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        Some(_) => "docker.io",
    }
}

/// Returns true if both references name the same image.
pub fn same_image(a: &str, b: &str) -> bool {
    familiar(a) == familiar(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_part_is_a_registry_only_if_it_looks_like_a_host() {
        for (given, wanted) in [
            ("nginx:1.27", "docker.io"),
            ("grafana/grafana:11", "docker.io"),
            ("index.docker.io/library/nginx", "docker.io"),
            ("ghcr.io/o/app:1@sha256:ab", "ghcr.io"),
            ("localhost/app", "localhost"),
            ("nas:5000/app", "nas:5000"),
        ] {
            assert_eq!(registry_of(given), wanted);
        }
    }

    #[test]
    fn references_are_shortened_as_docker_does_it() {
        for (given, wanted) in [
            ("nginx", "nginx:latest"),
            ("docker.io/library/nginx:1.27", "nginx:1.27"),
            ("docker.io/grafana/grafana:11", "grafana/grafana:11"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("ghcr.io/o/app:1@sha256:ab", "ghcr.io/o/app@sha256:ab"),
            ("sha256:0123", "sha256:0123"),
        ] {
            assert_eq!(familiar(given), wanted);
        }
    }
}
