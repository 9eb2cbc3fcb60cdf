//! What bollard's errors and the engine's texts mean. The texts are those of `docs` and of measured engines; where a
//! text is not known, the status decides.

use std::time::Duration;

use bollard::errors::Error;

use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Returns what an error means.
pub(super) fn of(error: &Error) -> EngineError {
    match error {
        Error::DockerResponseServerError { status_code, message } => answered(*status_code, message),
        Error::DockerStreamError { error } => answered(500, error),
        Error::RequestTimeoutError => {
            EngineError::new(EngineErrorKind::TimedOut, "the engine did not answer in time")
        }
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } | Error::StrParseError { .. } => {
            EngineError::new(
                EngineErrorKind::Unreadable,
                format!("the engine's answer cannot be read: {error}"),
            )
        }
        Error::URLParseError { .. } | Error::InvalidURIError { .. } | Error::URLEncodedError { .. } => {
            EngineError::new(EngineErrorKind::Invalid, format!("the request cannot be addressed: {error}"))
        }
        other => EngineError::new(
            EngineErrorKind::Unreachable,
            format!("the Docker Engine cannot be reached: {}", with_causes(other)),
        ),
    }
}

/// Returns what it means that no connection could be prepared.
pub(super) fn connecting(host: &str, error: &Error) -> EngineError {
    match error {
        Error::SocketNotFoundError(path) => EngineError::new(
            EngineErrorKind::Unreachable,
            format!("no Docker Engine at {host}: {path} does not exist; start it or set DOCKER_HOST"),
        ),
        Error::UnsupportedURISchemeError { .. } => EngineError::new(
            EngineErrorKind::Invalid,
            format!(
                "`{host}` is no engine's address: write it as unix://PATH, tcp://HOST:PORT or https://HOST:PORT"
            ),
        ),
        other => {
            EngineError::new(EngineErrorKind::Invalid, format!("cannot use the engine at {host}: {other}"))
        }
    }
}

/// Returns the error of a call that was not answered before its deadline.
pub(super) fn timed_out(what: &str, deadline: Duration) -> EngineError {
    EngineError::new(
        EngineErrorKind::TimedOut,
        format!("{what}: no answer from the engine within {} s", deadline.as_secs()),
    )
}

/// Returns what an error's status and text mean.
fn answered(status: u16, message: &str) -> EngineError {
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let kind = if has(&["no space left on device", "disk quota exceeded"]) {
        EngineErrorKind::DiskFull
    } else if has(&["port is already allocated", "address already in use", "failed to bind host port"]) {
        EngineErrorKind::PortTaken
    } else if has(&["has active endpoints", "cannot update a stopped container"]) {
        // 403: it passes as soon as the last user is gone. 500: it crashed just now, and the engine did not notice yet.
        EngineErrorKind::Conflict
    } else {
        match status {
            404 => EngineErrorKind::NotFound,
            409 => EngineErrorKind::Conflict,
            400 | 401 | 403 | 405 | 411 | 413 | 422 => EngineErrorKind::Invalid,
            _ => EngineErrorKind::Failed,
        }
    };
    match kind {
        EngineErrorKind::PortTaken => EngineError::new(kind, port_taken(message)),
        _ => EngineError::new(kind, shown(status, message)),
    }
}

/// The engine begins with an endpoint's name and id, which are others at each try and help nobody.
fn port_taken(message: &str) -> String {
    let what = message.rsplit("): ").next().unwrap_or(message).trim();
    format!("a host port is taken: {what}; free it (`ss -lntup` shows its holder), or publish another one")
}

/// Returns what an error during a pull means. Registries speak through the engine, with statuses of its choice, so
/// the text decides first.
pub(super) fn pulling(image: &str, error: &Error) -> EngineError {
    let (status, message) = match error {
        Error::DockerResponseServerError { status_code, message } => (*status_code, message.as_str()),
        Error::DockerStreamError { error } => (500, error.as_str()),
        other => return of(other),
    };
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let kind = if has(&["no space left on device", "disk quota exceeded"]) {
        EngineErrorKind::DiskFull
    } else if has(&[
        "toomanyrequests",
        "too many requests",
        "rate limit",
        "no such host",
        "timeout",
        "server misbehaving",
    ]) {
        EngineErrorKind::Registry
    } else if has(&[
        "manifest unknown",
        "name unknown",
        "not found",
        "no matching manifest",
        "does not match the specified platform",
        "does not exist",
        "access denied",
        "access to the resource is denied",
        "unauthorized",
        "authentication required",
        "no basic auth credentials",
    ]) {
        EngineErrorKind::NotFound
    } else if status == 400 {
        EngineErrorKind::Invalid
    } else {
        EngineErrorKind::Registry
    };
    EngineError::new(kind, format!("cannot pull {image}: {}", shown(status, message)))
}

/// Returns what an error during a build means. `said` is what the builder wrote last, oldest line first.
pub(super) fn building(image: &str, error: &Error, said: &[String]) -> EngineError {
    let found = of(error);
    let what = format!("cannot build {image}: {}", found.message);
    let lines = std::iter::once(what.as_str()).chain(said.iter().map(String::as_str));
    EngineError::new(found.kind, lines.collect::<Vec<_>>().join("\n  "))
}

fn shown(status: u16, message: &str) -> String {
    match message.trim() {
        "" => format!("the engine answered with status {status} and no word of why"),
        message => message.to_owned(),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code, message: message.into() }
    }

    #[test]
    fn texts_say_more_than_statuses() {
        use EngineErrorKind as K;
        for (status, text, kind) in [
            (404, "No such image: none:latest", K::NotFound),
            (404, "network 0123 not found", K::NotFound),
            (409, r#"Conflict. The container name "/x" is already in use by container "0123""#, K::Conflict),
            (409, "removal of container x is already in progress", K::Conflict),
            (
                403,
                r#"error while removing network: network n id 01 has active endpoints (name:"x" id:"01")"#,
                K::Conflict,
            ),
            (500, "Cannot update container x: cannot update a stopped container: unknown", K::Conflict),
            (403, "bridge is a pre-defined network and cannot be removed", K::Invalid),
            (400, "bind source path does not exist: /none", K::Invalid),
            (500, "Bind for 127.0.0.1:58123 failed: port is already allocated", K::PortTaken),
            (500, "listen tcp4 0.0.0.0:80: bind: address already in use", K::PortTaken),
            (500, "write /var/lib/docker/x: no space left on device", K::DiskFull),
            (500, "boom", K::Failed),
        ] {
            assert_eq!(of(&server(status, text)).kind, kind, "{status} {text}");
        }
    }

    #[test]
    fn a_missing_image_is_told_from_a_registry_in_trouble() {
        use EngineErrorKind as K;
        for (text, kind) in [
            ("manifest for busybox:none not found: manifest unknown: manifest unknown", K::NotFound),
            (
                "pull access denied for x, repository does not exist or may require 'docker login'",
                K::NotFound,
            ),
            ("toomanyrequests: You have reached your pull rate limit", K::Registry),
            (
                r#"Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host"#,
                K::Registry,
            ),
            ("received unexpected HTTP status: 503 Service Unavailable", K::Registry),
            ("failed to register layer: write /x: no space left on device", K::DiskFull),
        ] {
            let error = pulling("busybox", &Error::DockerStreamError { error: text.into() });
            assert_eq!(error.kind, kind, "{text}");
            assert!(error.message.starts_with("cannot pull busybox: "), "{}", error.message);
        }
    }

    #[test]
    fn a_taken_port_is_told_in_the_same_words_at_each_try() {
        let text = "driver failed programming external connectivity on endpoint x (0123): \
                    Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use";
        assert_eq!(
            of(&server(500, text)).message,
            "a host port is taken: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already \
             in use; free it (`ss -lntup` shows its holder), or publish another one"
        );
    }

    #[test]
    fn an_error_without_a_text_still_says_what_happened() {
        assert_eq!(of(&server(500, "")).message, "the engine answered with status 500 and no word of why");
    }
}
