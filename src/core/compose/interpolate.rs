//! Stage: variables in all texts of a file are filled in, and texts become numbers and booleans where the model has
//! these. Keys stay as they are.

use super::report::MAX_FILLED;
use super::report::Report;
use super::template::Lookup;
use super::template::TemplateError;
use super::template::substitute;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    Int,
    Float,
    Bool,
}

/// Where a text stands for something else.
const CASTS: &[(&str, Cast)] = &[
    ("services.*.cpu_count", Cast::Int),
    ("services.*.cpu_percent", Cast::Float),
    ("services.*.cpu_period", Cast::Int),
    ("services.*.cpu_quota", Cast::Int),
    ("services.*.cpu_rt_period", Cast::Int),
    ("services.*.cpu_rt_runtime", Cast::Int),
    ("services.*.cpus", Cast::Float),
    ("services.*.cpu_shares", Cast::Int),
    ("services.*.init", Cast::Bool),
    ("services.*.deploy.replicas", Cast::Int),
    ("services.*.deploy.update_config.parallelism", Cast::Int),
    ("services.*.deploy.update_config.max_failure_ratio", Cast::Float),
    ("services.*.deploy.rollback_config.parallelism", Cast::Int),
    ("services.*.deploy.rollback_config.max_failure_ratio", Cast::Float),
    ("services.*.deploy.restart_policy.max_attempts", Cast::Int),
    ("services.*.deploy.placement.max_replicas_per_node", Cast::Int),
    ("services.*.healthcheck.retries", Cast::Int),
    ("services.*.healthcheck.disable", Cast::Bool),
    ("services.*.oom_kill_disable", Cast::Bool),
    ("services.*.oom_score_adj", Cast::Int),
    ("services.*.pids_limit", Cast::Int),
    ("services.*.ports.[].target", Cast::Int),
    ("services.*.privileged", Cast::Bool),
    ("services.*.read_only", Cast::Bool),
    ("services.*.scale", Cast::Int),
    ("services.*.stdin_open", Cast::Bool),
    ("services.*.tty", Cast::Bool),
    ("services.*.ulimits.*", Cast::Int),
    ("services.*.ulimits.*.hard", Cast::Int),
    ("services.*.ulimits.*.soft", Cast::Int),
    ("services.*.volumes.[].read_only", Cast::Bool),
    ("services.*.volumes.[].volume.nocopy", Cast::Bool),
    ("services.*.build.privileged", Cast::Bool),
    ("services.*.build.ulimits.*", Cast::Int),
    ("services.*.build.ulimits.*.hard", Cast::Int),
    ("services.*.build.ulimits.*.soft", Cast::Int),
    ("networks.*.external", Cast::Bool),
    ("networks.*.internal", Cast::Bool),
    ("networks.*.attachable", Cast::Bool),
    ("networks.*.enable_ipv4", Cast::Bool),
    ("networks.*.enable_ipv6", Cast::Bool),
    ("volumes.*.external", Cast::Bool),
    ("secrets.*.external", Cast::Bool),
    ("configs.*.external", Cast::Bool),
];

/// Fills in a document.
pub(super) fn interpolate(root: &mut Node, lookup: Lookup<'_>, report: &mut Report) {
    walk(root, &Path::TOP, lookup, report);
}

fn walk(node: &mut Node, path: &Path<'_>, lookup: Lookup<'_>, report: &mut Report) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, child) in map.iter_mut() {
                walk(child, &path.key(key), lookup, report);
            }
        }
        Value::List(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                walk(child, &path.index(index), lookup, report);
            }
        }
        Value::Text(text) => {
            if text.contains('$') {
                let mut unset = Vec::new();
                match substitute(text, lookup, &mut unset) {
                    Ok(filled) => {
                        if report.fills_too_much(filled.len()) {
                            let message = format!("variables bring in more than {MAX_FILLED} bytes");
                            return report.error("limit-interpolation", node.span, path, message);
                        }
                        node.filled = *text != filled;
                        *text = filled;
                    }
                    Err(error) => return refuse(node, path, &error, report),
                }
                for name in unset {
                    let message = format!("The {name:?} variable is not set. Defaulting to a blank string.");
                    report.warning("unset-variable", node.span, path, message);
                }
            }
            cast(node, path, report);
        }
        _ => {}
    }
}

fn refuse(node: &Node, path: &Path<'_>, error: &TemplateError, report: &mut Report) {
    match error {
        TemplateError::Missing { name, .. } => report.error_hint(
            "missing-variable",
            node.span,
            path,
            format!("error while interpolating {path}: {error}"),
            format!("set {name} in the environment or in .env"),
        ),
        TemplateError::Invalid(template) => report.error_hint(
            "invalid-interpolation",
            node.span,
            path,
            format!("invalid interpolation format for {path}: {template:?}"),
            "write `$$` for a `$` that is meant as it is",
        ),
        TemplateError::TooDeep | TemplateError::TooLong => {
            report.error(
                "limit-interpolation",
                node.span,
                path,
                format!("error while interpolating {path}: {error}"),
            );
        }
    }
}

fn cast(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Some((_, cast)) = CASTS.iter().find(|(pattern, _)| path.matches(pattern)) else { return };
    let Value::Text(text) = &node.value else { return };
    let (value, wanted) = match cast {
        Cast::Int => (text.parse().ok().map(Value::Int), "an integer"),
        Cast::Float => (super::text::go_float(text).map(Value::Float), "a number"),
        Cast::Bool => (boolean(text), "a boolean"),
    };
    let Some(value) = value else {
        let message = format!("{path}: failed to cast to expected type: {text:?} is not {wanted}");
        return report.error("type", node.span, path, message);
    };
    let lower = text.to_lowercase();
    if *cast == Cast::Bool && lower != "true" && lower != "false" {
        let instead = if value == Value::Bool(true) { "true" } else { "false" };
        let message = format!("{text:?} for boolean is not supported by YAML 1.2, please use `{instead}`");
        report.warning("yaml-1.1-boolean", node.span, path, message);
    }
    node.value = value;
}

fn boolean(text: &str) -> Option<Value> {
    super::text::go_bool(text).map(Value::Bool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::parse;

    fn read(text: &str) -> (Node, Report) {
        let mut report = Report::default();
        let file = report.sources.add("c.yaml");
        let mut root = parse(text, &report.sources, file, Limits::default()).expect("valid YAML").remove(0);
        interpolate(&mut root, &|name| (name == "N").then(|| "5".to_owned()), &mut report);
        (root, report)
    }

    #[test]
    fn texts_become_what_the_model_has_at_their_place() {
        let (root, report) = read("services: {a: {tty: \"yes\", scale: '${N}', image: '${N}', cpus: '0.5'}}");
        let at = |key: &str| {
            let service = root.get("services").and_then(|s| s.get("a"));
            service.and_then(|a| a.get(key)).map(|n| n.value.clone())
        };
        assert_eq!(at("tty"), Some(Value::Bool(true)));
        assert_eq!(at("scale"), Some(Value::Int(5)));
        assert_eq!(at("image"), Some(Value::Text("5".into())));
        assert_eq!(at("cpus"), Some(Value::Float(0.5)));
        assert_eq!(report.warnings.len(), 1);
        assert_eq!(report.errors(), []);
    }

    #[test]
    fn all_errors_are_found_with_their_places() {
        let (_, report) = read("services:\n  a:\n    image: ${X?want}\n    tty: '${'\n    scale: x\n");
        let errors: Vec<String> = report.errors().iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 3);
        assert!(
            errors[0]
                .starts_with("c.yaml:3:12: error while interpolating services.a.image: required variable X")
        );
        assert!(errors[1].starts_with("c.yaml:4:10: invalid interpolation format for services.a.tty"));
        assert!(errors[2].starts_with("c.yaml:5:12: services.a.scale: failed to cast"));
    }
}
