//! `x-evenkeel` at the top of a compose file, over what the host and `evenkeel.yaml` say.
//!
//! A repository chooses its own timing, but it can only tighten what is about touching things: it cannot turn pruning
//! or drift correction on where the host turned it off, nor wake a stack that the host suspended.

use std::time::Duration;

use super::DriftMode;
use super::HashChoice;
use super::Settings;
use crate::core::compose::Loaded;
use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;
use crate::core::shape::Field;
use crate::core::shape::Section;
use crate::core::shape::Shape;
use crate::core::shape::Value;
use crate::core::shape::check;

/// The key at the top of a compose file.
pub const KEY: &str = "x-evenkeel";

/// The keys of `update`, here and among the host's defaults.
pub const UPDATE: &[Field] = &[
    Field::new("pullTimeout", Shape::Duration, "how long one image's pull or build may take").or("15m"),
    Field::new("minHealthyTime", Shape::Duration, "how long a container must be well before it counts")
        .or("10s"),
    Field::new(
        "healthyDeadline",
        Shape::Duration,
        "how long a container may take to become well, from its start",
    )
    .or("5m"),
    Field::new("autoRevert", Shape::Flag, "put the old containers back if the new ones do not become well")
        .or("true"),
];

/// The key `prune`, here and among the host's defaults.
pub const PRUNE: Field =
    Field::new("prune", Shape::Flag, "remove what left the files; never volumes").or("true");

/// The key `mode` of `drift`, here and among the host's defaults.
pub const DRIFT_MODE: Field = Field::new(
    "mode",
    Shape::OneOf(&["off", "warn", "correct"]),
    "what to do if what runs is not what was applied: nothing, tell, or bring it back",
)
.or("correct");

/// The key `composeHash`, here and among the host's defaults.
pub const COMPOSE_HASH: Field = Field::new(
    "composeHash",
    Shape::OneOf(HashChoice::WORDS),
    "whose config hashes new containers get: Docker Compose 2's, 5's, or those of what is on the engine",
)
.or("auto");

/// The keys of `x-evenkeel`.
pub const FIELDS: &[Field] = &[
    Field::new("update", Shape::Map(UPDATE), "how a new revision is brought in"),
    PRUNE,
    Field::new("suspend", Shape::Flag, "look at the stack, but do not touch it").or("false"),
    Field::new("drift", Shape::Map(&[DRIFT_MODE]), "what to do about changes that did not come from git"),
    COMPOSE_HASH,
    Field::new("lint", Shape::Map(LINT), "which findings about the compose file are known and meant"),
];

const LINT: &[Field] =
    &[Field::new("ignore", Shape::List(&Shape::Text), "the codes of findings not to report")];

/// Reads a loaded project's `x-evenkeel`, if it has one, over `above`.
///
/// # Errors
/// Fails as [`read`] does.
pub fn of_project(loaded: &Loaded, above: &Settings) -> Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>> {
    match loaded.extension(KEY) {
        Some(extension) => read(&Value::of_node(extension.node, &extension.document.sources), above),
        None => Ok((above.clone(), Vec::new())),
    }
}

/// Reads the value of `x-evenkeel` over `above`, which says what holds without it.
///
/// # Errors
/// Fails with everything that is wrong. Asking for more than `above` allows is no error: it is not granted, and the
/// second part of the answer warns of it.
pub fn read(value: &Value, above: &Settings) -> Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut problems: Vec<Diagnostic> = check(value, FIELDS)
        .into_iter()
        .map(|problem| {
            let path = format!("{KEY}.{}", problem.path);
            problem.path(path.trim_end_matches('.'))
        })
        .collect();
    let section = Section::at(value, KEY);
    let mut warnings = Vec::new();
    let wanted = wanted(&section, above, &mut problems);
    let settings = tightened(&section, &wanted, above, &mut warnings);
    if problems.is_empty() { Ok((settings, warnings)) } else { Err(problems) }
}

/// Returns `above` with everything that a section with the keys `update`, `prune`, `suspend` and `drift` sets, and
/// notes what cannot be.
pub fn wanted(section: &Section<'_>, above: &Settings, problems: &mut Vec<Diagnostic>) -> Settings {
    let mut settings = above.clone();
    if let Some(update) = section.section("update") {
        let time = |key: &str, or: Duration| update.duration(key).unwrap_or(or);
        settings.pull_timeout = time("pullTimeout", above.pull_timeout);
        settings.min_healthy_time = time("minHealthyTime", above.min_healthy_time);
        settings.healthy_deadline = time("healthyDeadline", above.healthy_deadline);
        settings.auto_revert = update.flag("autoRevert").unwrap_or(above.auto_revert);
        if settings.pull_timeout.is_zero() {
            problems.push(update.error(
                "pullTimeout",
                "bad-duration",
                "no image can be pulled or built in no time",
            ));
        }
        if settings.min_healthy_time >= settings.healthy_deadline {
            let key =
                if update.text("minHealthyTime").is_some() { "minHealthyTime" } else { "healthyDeadline" };
            let message =
                "minHealthyTime must be shorter than healthyDeadline, or nothing ever counts as healthy";
            problems.push(update.error(key, "bad-duration", message));
        }
    }
    settings.prune = section.flag("prune").unwrap_or(above.prune);
    settings.suspend = section.flag("suspend").unwrap_or(above.suspend);
    if let Some(mode) = section.section("drift").and_then(|drift| drift.text("mode")) {
        settings.drift = DriftMode::from_word(mode.text).unwrap_or(above.drift);
    }
    if let Some(word) = section.text("composeHash") {
        settings.compose_hash = HashChoice::from_word(word.text).unwrap_or(above.compose_hash);
    }
    settings
}

/// Returns what is wanted, but nothing that is looser than `above`.
fn tightened(
    section: &Section<'_>,
    wanted: &Settings,
    above: &Settings,
    warnings: &mut Vec<Diagnostic>,
) -> Settings {
    let mut warn = |looser: bool, key: &str, what: &str| {
        if looser {
            let mut warning =
                section.error(key, "not-granted", format!("{what}, and a repository cannot change that"));
            warning.severity = Severity::Warning;
            warnings.push(warning.hint("set it in the host's configuration"));
        }
    };
    warn(wanted.prune && !above.prune, "prune", "the host has pruning off");
    warn(!wanted.suspend && above.suspend, "suspend", "the stack is suspended from above");
    warn(wanted.drift > above.drift, "drift", "the host corrects less drift than this asks for");
    Settings {
        prune: wanted.prune && above.prune,
        suspend: wanted.suspend || above.suspend,
        drift: wanted.drift.min(above.drift),
        ..wanted.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;

    fn read_text(text: &str, above: &Settings) -> Result<(Settings, Vec<String>), Vec<String>> {
        let value = Value::parse(text, "compose.yaml").expect("yaml");
        let texts = |found: Vec<Diagnostic>| found.iter().map(ToString::to_string).collect();
        read(&value, above).map(|(settings, warnings)| (settings, texts(warnings))).map_err(texts)
    }

    #[test]
    fn what_is_set_replaces_what_holds_above_and_the_rest_stays() {
        let above = Settings { pull_timeout: Duration::from_mins(1), ..Settings::default() };
        let text = "update: {minHealthyTime: 1s, autoRevert: false}\nprune: false\nsuspend: true\n\
                    drift: {mode: warn}\nlint: {ignore: [no-digest]}\n";
        let wanted = Settings {
            min_healthy_time: Duration::from_secs(1),
            auto_revert: false,
            prune: false,
            suspend: true,
            drift: DriftMode::Warn,
            ..above.clone()
        };
        assert_eq!(read_text(text, &above), Ok((wanted, vec![])));
        assert_eq!(read_text("", &above), Ok((above, vec![])));
    }

    #[test]
    fn a_repository_cannot_loosen_what_the_host_holds_tight() {
        let above = Settings { prune: false, suspend: true, drift: DriftMode::Warn, ..Settings::default() };
        let (settings, warnings) =
            read_text("prune: true\nsuspend: false\ndrift: {mode: correct}", &above).expect("settings");
        assert_eq!(settings, above);
        insta::assert_snapshot!(warnings.join("\n"), @r"
        compose.yaml:1:8: the host has pruning off, and a repository cannot change that (set it in the host's configuration)
        compose.yaml:2:10: the stack is suspended from above, and a repository cannot change that (set it in the host's configuration)
        compose.yaml:3:8: the host corrects less drift than this asks for, and a repository cannot change that (set it in the host's configuration)
        ");
        assert_eq!(
            read_text("update: {autoRevert: true}", &above).expect("settings").1,
            Vec::<String>::new()
        );
    }

    #[test]
    fn values_of_a_compose_file_keep_their_places_and_may_come_from_variables() {
        let read_node = |text: &str| {
            let mut sources = Sources::default();
            let file = sources.add("compose.yaml");
            let nodes = yaml::parse(text, &sources, file, Limits::default()).expect("yaml");
            let node = nodes[0].get(KEY).expect("the key");
            read(&Value::of_node(node, &sources), &Settings::default())
        };
        // Interpolation leaves text where the variable stood.
        let text = "x-evenkeel: {update: {minHealthyTime: 20s}, prune: 'false', suspend: true}";
        let (settings, _) = read_node(text).expect("settings");
        assert_eq!(settings.min_healthy_time, Duration::from_secs(20));
        assert_eq!((settings.prune, settings.suspend), (false, true));
        let problems = read_node("x-evenkeel:\n  update: {minHealthyTime: 5}").expect_err("no unit");
        assert_eq!(problems[0].place.as_ref().map(ToString::to_string).as_deref(), Some("compose.yaml:2:28"));
        assert_eq!(read_node("x-evenkeel:\n").expect("settings").0, Settings::default());
    }

    #[test]
    fn mistakes_are_told_with_their_path_below_the_key() {
        let value = Value::parse("update: {minHealthyTme: 5s}\nprune: maybe", "compose.yaml").expect("yaml");
        let problems = read(&value, &Settings::default()).expect_err("mistakes");
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["x-evenkeel.update.minHealthyTme", "x-evenkeel.prune"]);
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `minHealthyTime`?"));
        let list = Value::parse("[a]", "compose.yaml").expect("yaml");
        assert_eq!(read(&list, &Settings::default()).expect_err("no mapping")[0].path, "x-evenkeel");
    }

    #[test]
    fn times_that_can_never_be_met_are_refused() {
        let problems = |text| read_text(text, &Settings::default()).expect_err("problems").join("\n");
        insta::assert_snapshot!(problems("update: {minHealthyTime: 5m}"), @"compose.yaml:1:26: minHealthyTime must be shorter than healthyDeadline, or nothing ever counts as healthy");
        insta::assert_snapshot!(problems("update: {pullTimeout: 0s, healthyDeadline: 5s}"), @r"
        compose.yaml:1:23: no image can be pulled or built in no time
        compose.yaml:1:44: minHealthyTime must be shorter than healthyDeadline, or nothing ever counts as healthy
        ");
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let default = |field: &Field| format!("  {}: {}\n", field.name, field.default.expect("a default"));
        let text = UPDATE.iter().map(default).collect::<Vec<_>>().concat();
        let [prune, drift] = [PRUNE, DRIFT_MODE].map(|field| field.default.expect("a default"));
        let text = format!("update:\n{text}prune: {prune}\nsuspend: false\ndrift: {{mode: {drift}}}");
        let other = Settings {
            pull_timeout: Duration::ZERO,
            min_healthy_time: Duration::ZERO,
            healthy_deadline: Duration::ZERO,
            auto_revert: false,
            ..Settings::default()
        };
        assert_eq!(read_text(&text, &other), Ok((Settings::default(), vec![])));
    }
}
