//! What the host gives a container beside resources, mounts and networks: rights, namespaces, names, logs, restarts.

use std::collections::BTreeSet;

use super::View;
use super::findings::Findings;
use super::request::HostConfig;
use super::request::LogConfig;
use super::request::RestartPolicy;
use crate::core::compose::types::Service;
use crate::core::model::normalise;

/// Sets the fields that are copied as they are, the restart policy and the security options.
pub(super) fn fill(host: &mut HostConfig, view: &View<'_>, findings: &mut Findings<'_>) {
    let service = view.service;
    host.annotations.clone_from(&service.annotations);
    host.cap_add = capabilities(&service.cap_add);
    host.cap_drop = capabilities(&service.cap_drop);
    host.init = service.init;
    host.ipc_mode.clone_from(&service.ipc);
    host.volumes_from.clone_from(&service.volumes_from);
    host.pid_mode.clone_from(&service.pid);
    host.uts_mode.clone_from(&service.uts);
    host.userns_mode.clone_from(&service.userns_mode);
    host.cgroupns_mode.clone_from(&service.cgroup);
    host.readonly_rootfs = service.read_only;
    host.privileged = service.privileged;
    host.sysctls.clone_from(&service.sysctls);
    host.storage_opt.clone_from(&service.storage_opt);
    host.runtime.clone_from(&service.runtime);
    host.isolation.clone_from(&service.isolation);
    host.group_add.clone_from(&service.group_add);
    host.dns.clone_from(&service.dns);
    host.dns_search.clone_from(&service.dns_search);
    host.dns_options.clone_from(&service.dns_opt);
    host.extra_hosts = service.extra_hosts.entries(':');
    host.restart_policy = restart_policy(service);
    host.log_config = service
        .logging
        .as_ref()
        .map(|logging| LogConfig { kind: logging.driver.clone(), config: logging.options.clone() });
    security(host, view, findings);
}

/// Capabilities in the form that Docker's own clients send: in capitals, with their prefix, sorted, each once.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| match name.to_ascii_uppercase() {
        all if all == "ALL" => all,
        full if full.starts_with("CAP_") => full,
        short => format!("CAP_{short}"),
    };
    names.iter().map(full).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The service's `restart`, unless the deploy section has a policy.
fn restart_policy(service: &Service) -> RestartPolicy {
    if let Some(policy) = service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref()) {
        let attempts = policy.max_attempts.unwrap_or_default();
        return RestartPolicy {
            name: engine_word(&policy.condition).into(),
            maximum_retry_count: i64::try_from(attempts).unwrap_or(i64::MAX),
        };
    }
    let (word, attempts) = service.restart.split_once(':').unwrap_or((&service.restart, ""));
    RestartPolicy {
        name: engine_word(word).into(),
        maximum_retry_count: attempts.parse().unwrap_or_default(),
    }
}

fn engine_word(word: &str) -> &str {
    match word {
        "none" | "no" => "no",
        "any" | "always" => "always",
        other => other,
    }
}

fn security(host: &mut HostConfig, view: &View<'_>, findings: &mut Findings<'_>) {
    for (index, option) in view.service.security_opt.iter().enumerate() {
        if option == "systempaths=unconfined" {
            host.masked_paths = Some(Vec::new());
            host.readonly_paths = Some(Vec::new());
            continue;
        }
        match security_option(view, option) {
            Ok(option) => host.security_opt.push(option),
            Err(message) => {
                let path = view.path(&format!("security_opt[{index}]"));
                findings.error("invalid-value", &path, message, "");
            }
        }
    }
}

/// Returns the option with a seccomp profile's file replaced by its content, for the engine does not read files.
fn security_option(view: &View<'_>, option: &str) -> Result<String, String> {
    let Some((key, value)) = option.split_once('=').or_else(|| option.split_once(':')) else {
        return match option {
            "no-new-privileges" => Ok(option.into()),
            _ => Err(format!("invalid security-opt: \"{option}\"")),
        };
    };
    if key != "seccomp" || matches!(value, "unconfined" | "builtin") {
        return Ok(option.into());
    }
    let path = normalise(&view.project.working_dir, value);
    let failed = |why: String| format!("the seccomp profile {value} cannot be read: {why}");
    let profile = view.tree.read(&path).map_err(|error| failed(error.to_string()))?;
    let profile = String::from_utf8(profile).map_err(|_| failed("it is not UTF-8".into()))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&profile).map_err(|error| failed(error.to_string()))?;
    Ok(format!("seccomp={}", compact(&profile)))
}

/// Returns the files of the tree that the service's security options name. Compose's config hash does not see what is
/// in them.
pub(super) fn seccomp_profiles(view: &View<'_>) -> Vec<String> {
    let profile = |option: &String| {
        let (key, value) = option.split_once('=').or_else(|| option.split_once(':'))?;
        let named = key == "seccomp" && !matches!(value, "unconfined" | "builtin");
        named.then(|| normalise(&view.project.working_dir, value))
    };
    view.service.security_opt.iter().filter_map(profile).collect()
}

/// Returns a JSON text without white space between its tokens; all else stays byte for byte.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut in_string = false;
    let mut escaped = false;
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_loses_its_white_space_outside_of_strings_alone() {
        assert_eq!(
            compact("{ \"a b\" : [1,\n 2.50], \"\\\" \" : null }"),
            "{\"a b\":[1,2.50],\"\\\" \":null}"
        );
    }
}
