//! The plan's one text form. It is what `evenkeel plan` prints, what tests compare, what history keeps and what
//! notifications quote. Readable without colour, the same for the same plan.

use std::fmt::Write as _;

use super::Node;
use super::Object;
use super::Plan;
use super::Verb;

impl Verb {
    /// Returns the sign in front of a change.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Remove => "-",
        }
    }

    /// Returns the word for it in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(name) => write!(f, "image {name}"),
            Self::Network(name) => write!(f, "network {name}"),
            Self::Volume(name) => write!(f, "volume {name}"),
            Self::Files => f.write_str("files"),
            Self::Container(name) => write!(f, "container {name}"),
        }
    }
}

impl Plan {
    /// Returns the changes with their causes and a last line that counts them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for refusal in &self.refusals {
            line(&mut text, format_args!("  ! {}: {}", refusal.code, refusal.message));
            line(&mut text, format_args!("        hint: {}", refusal.hint));
        }
        for change in &self.changes {
            line(&mut text, format_args!("  {:<3} {}", change.verb.sign(), change.object));
            for cause in &change.causes {
                line(&mut text, format_args!("        {cause}"));
            }
        }
        for note in &self.notes {
            line(&mut text, format_args!("  note: {note}"));
        }
        line(&mut text, format_args!("{}", self.summary()));
        text
    }

    /// Returns the line that counts the changes.
    pub fn summary(&self) -> String {
        let count = |verb| self.changes.iter().filter(|change| change.verb == verb).count();
        let calls = |name| self.nodes.iter().filter(|node| node.action.name() == name).count();
        if !self.refusals.is_empty() {
            return format!("Refused: {} reason(s); nothing is changed.", self.refusals.len());
        }
        if self.nodes.is_empty() {
            return "Nothing to do.".into();
        }
        let mut summary = format!(
            "Plan: {} to create, {} to update, {} to replace, {} to remove",
            count(Verb::Create),
            count(Verb::Update),
            count(Verb::Replace),
            count(Verb::Remove)
        );
        for (call, what) in [("PullImage", "pull"), ("BuildImage", "build")] {
            if calls(call) > 0 {
                let _ = write!(summary, "; {} image(s) to {what}", calls(call));
            }
        }
        summary.push('.');
        summary
    }

    /// Returns the graph, an action a line: `[1,2] -> #3 container home-db-1, CreateContainer: no such container`.
    pub fn steps_text(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            line(&mut text, format_args!("{}", step(node)));
        }
        text
    }
}

fn step(node: &Node) -> String {
    let mut after: Vec<String> = node.after.iter().map(ToString::to_string).collect();
    after.extend(node.after_any.iter().map(|id| format!("{id}?")));
    let optional = if node.optional { " (optional)" } else { "" };
    let detail = match &node.action {
        super::Action::Call(super::Call::RenameContainer { name, .. }) => format!(" to {name}"),
        super::Action::Call(super::Call::BuildImage { build, .. }) => format!(" as {}", build.tag),
        super::Action::Call(super::Call::CreateContainer { name, .. }) => format!(" as {name}"),
        super::Action::Call(super::Call::RunHook { hook, .. }) => {
            format!(" {}", hook.cmd.first().map_or("", String::as_str))
        }
        super::Action::Call(super::Call::SetRestartPolicy { policy, .. }) => format!(" {}", policy.name),
        _ => String::new(),
    };
    format!(
        "[{}] -> #{} {}, {}{detail}: {}{optional}",
        after.join(","),
        node.id,
        node.object,
        node.action.name(),
        node.cause
    )
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(line);
    text.push('\n');
}
