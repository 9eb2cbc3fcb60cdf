//! `examples/repo` as it was when this program was built, and the commits that the demo makes of it.

/// The folder of `examples/repo` that is the stack.
#[cfg(test)]
const FOLDER: &str = "home";

/// The stack's files, by their paths in its folder.
const FILES: &[(&str, &str)] = &[
    (".env", include_str!("../../../examples/repo/home/.env")),
    ("compose.yaml", include_str!("../../../examples/repo/home/compose.yaml")),
    ("db/init.sh", include_str!("../../../examples/repo/home/db/init.sh")),
    ("proxy/Caddyfile", include_str!("../../../examples/repo/home/proxy/Caddyfile")),
    ("secrets/db_password.demo", include_str!("../../../examples/repo/home/secrets/db_password.demo")),
    ("web/index.html", include_str!("../../../examples/repo/home/web/index.html")),
];

/// The stand-ins for the images, which `scripts/demo-images` makes.
pub(super) const IMAGES: &[&str] = &[
    "evenkeel-demo/proxy:1",
    "evenkeel-demo/web:1",
    "evenkeel-demo/web:2",
    "evenkeel-demo/web:3-bad",
    "evenkeel-demo/wiki:1",
    "evenkeel-demo/db:1",
];

/// Compose reads this beside `compose.yaml`. The simulated engine runs nothing, so a job would never end there.
const SIMULATED: (&str, &str) = ("compose.override.yaml", "services:\n  db-init:\n    command: [\"true\"]\n");

/// A path in the repository and its content.
pub(super) type File = (String, String);

/// The example under a folder of the demo's own, because the folder's name becomes part of containers' names.
pub(super) struct Example {
    folder: String,
    simulated: bool,
    environment: String,
}

impl Example {
    /// Returns the example with the stand-ins' images, fast checks and the proxy on a loopback port.
    pub(super) fn new(folder: &str, http_port: u16, simulated: bool) -> Self {
        let port = http_port.to_string();
        let settings = [
            ("IMAGE_PROXY", "evenkeel-demo/proxy:1"),
            ("IMAGE_WIKI", "evenkeel-demo/wiki:1"),
            ("IMAGE_DB", "evenkeel-demo/db:1"),
            ("HTTP_LISTEN", "127.0.0.1"),
            ("HTTP_PORT", &port),
            ("CHECK_INTERVAL", "500ms"),
            ("CHECK_START_PERIOD", "1s"),
            ("MIN_HEALTHY_TIME", "1s"),
        ];
        let environment =
            settings.iter().fold(content(".env").to_owned(), |text, (name, value)| set(&text, name, value));
        Self { folder: folder.to_owned(), simulated, environment }
    }

    /// Returns everything, with the first release of the start page.
    pub(super) fn first_commit(&self) -> Vec<File> {
        let simulated = self.simulated.then_some(&SIMULATED);
        let unchanged = FILES.iter().filter(|(path, _)| *path != ".env").chain(simulated);
        let mut files: Vec<File> =
            unchanged.map(|(path, text)| (self.path(path), (*text).to_owned())).collect();
        files.push(self.with_web_release("1"));
        files
    }

    /// Returns what a good change changes: a newer start page, and a second name for it in the proxy's own file.
    pub(super) fn good_change(&self) -> Vec<File> {
        let mut routes = content("proxy/Caddyfile").to_owned();
        routes.push_str("\nhttp://www.{$DOMAIN} {\n\treverse_proxy web:80\n}\n");
        vec![self.with_web_release("2"), (self.path("proxy/Caddyfile"), routes)]
    }

    /// Returns what a bad change changes: a start page whose health check fails.
    pub(super) fn bad_change(&self) -> Vec<File> {
        vec![self.with_web_release("3-bad")]
    }

    fn with_web_release(&self, release: &str) -> File {
        let image = format!("evenkeel-demo/web:{release}");
        (self.path(".env"), set(&self.environment, "IMAGE_WEB", &image))
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.folder)
    }
}

fn content(path: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == path).map_or("", |(_, text)| text)
}

/// Returns the text of an `.env` file with one variable's value replaced.
fn set(text: &str, name: &str, value: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once('=') {
        Some((known, _)) if known == name => format!("{name}={value}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn walk(folder: &Path, found: &mut BTreeSet<String>, root: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found, root);
            } else {
                found.insert(path.strip_prefix(root).expect("inside").display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_example_is_in_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/repo").join(FOLDER);
        let mut found = BTreeSet::new();
        walk(&root, &mut found, &root);
        assert_eq!(found, FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
    }

    #[test]
    fn the_demo_runs_no_image_that_would_have_to_be_pulled() {
        let example = Example::new("demo", 8080, false);
        for files in [example.first_commit(), example.good_change(), example.bad_change()] {
            let (_, environment) = files.iter().find(|(path, _)| path == "demo/.env").expect("settings");
            let images = environment.lines().filter_map(|line| line.strip_prefix("IMAGE_")?.split_once('='));
            // Those of profiles that are off are never pulled.
            for (name, image) in images.filter(|(name, _)| !["ADMINER", "WHOAMI"].contains(name)) {
                assert!(IMAGES.contains(&image), "{name}: {image}");
            }
            for setting in ["HTTP_LISTEN=127.0.0.1", "HTTP_PORT=8080", "MIN_HEALTHY_TIME=1s"] {
                assert!(environment.lines().any(|line| line == setting), "{setting} in {environment}");
            }
        }
    }

    #[test]
    fn the_changes_differ_from_the_first_commit_in_what_they_say() {
        let example = Example::new("demo", 8080, false);
        let of = |files: &[File], path: &str| {
            files.iter().find(|(known, _)| known == path).map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let (first, good) = (example.first_commit(), example.good_change());
        assert!(of(&first, "demo/.env").contains("IMAGE_WEB=evenkeel-demo/web:1\n"));
        assert!(of(&good, "demo/.env").contains("IMAGE_WEB=evenkeel-demo/web:2\n"));
        let (before, after) = (of(&first, "demo/proxy/Caddyfile"), of(&good, "demo/proxy/Caddyfile"));
        assert!(after.starts_with(&before) && after.len() > before.len());
        assert!(of(&example.bad_change(), "demo/.env").contains("IMAGE_WEB=evenkeel-demo/web:3-bad\n"));
    }
}
