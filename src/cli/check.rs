//! `check` and `notify test`: does what is configured work?

use super::Exit;
use super::args;
use super::assemble;
use super::output;
use super::output::Problem;
use super::run;
use crate::config::Config;
use crate::git::GitSource;
use crate::notify;
use crate::ports::SystemClock;

/// Looks at the configuration, the data folder, the engine and the remotes, and says of each how it is.
pub(super) async fn check(arguments: &args::Check) -> Result<Exit, Problem> {
    let config = assemble::config(&arguments.place, Some(&arguments.repo))?;
    let mut good = true;
    good &= say(
        "configuration",
        &Ok(format!("{} source(s), {} provider(s)", config.sources.len(), config.providers.len())),
    );
    good &= say("data folder", &data_folder(&config));
    good &= say("engine", &engine(&config).await);
    for source in &config.sources {
        good &= say(&format!("source {}", source.name), &remote(&config, source).await);
    }
    Ok(if good { Exit::Good } else { Exit::Changed })
}

fn say(what: &str, found: &Result<String, String>) -> bool {
    let (mark, text) = match found {
        Ok(text) => ("ok  ", text),
        Err(text) => ("FAIL", text),
    };
    output::data(&format!("{mark}  {what}: {text}\n")).is_ok() && found.is_ok()
}

fn data_folder(config: &Config) -> Result<String, String> {
    let folder = &config.data_dir;
    let probe = folder.join(".evenkeel-check");
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, b"x"));
    std::fs::remove_file(&probe).ok();
    match written {
        Ok(()) => Ok(folder.display().to_string()),
        Err(error) => {
            Err(format!("{}: {error} (hint: name another one with `--data-dir`)", folder.display()))
        }
    }
}

async fn engine(config: &Config) -> Result<String, String> {
    let engine =
        assemble::engine(config).map_err(|_| "it cannot be reached (hint: check DOCKER_HOST)".to_owned())?;
    match engine.info().await {
        Ok(info) if info.api >= (1, 41) => {
            let reservation = info.reservation().map(|text| format!(" ({text})")).unwrap_or_default();
            Ok(format!("version {}, API {}.{}{reservation}", info.version, info.api.0, info.api.1))
        }
        Ok(info) => {
            Err(format!("version {} is too old: 20.10 (API 1.41) is the first that works", info.version))
        }
        Err(error) => Err(format!("{error} (hint: check DOCKER_HOST and that Docker runs)")),
    }
}

async fn remote(config: &Config, source: &crate::config::Source) -> Result<String, String> {
    let git = assemble::git(config, source).map_err(|_| "its address cannot be used".to_owned())?;
    match git.run(GitSource::poll).await {
        Ok(polled) => Ok(format!("at {}", polled.revision().short())),
        Err(error) => Err(format!("{error} (hint: {})", error.hint())),
    }
}

/// Sends a test event.
pub(super) async fn notify_test(arguments: &args::NotifyTest) -> Result<Exit, Problem> {
    let mut config = match &arguments.webhook {
        Some(_) => Config::default(),
        None => assemble::config(&arguments.place, None)?,
    };
    if let Some(url) = &arguments.webhook {
        config.add_webhook(url, arguments.webhook_secret_file.as_deref())?;
    }
    let mut providers = run::providers(&config)?;
    if let Some(wanted) = &arguments.provider {
        providers.retain(|provider| provider.name() == wanted);
    }
    if providers.is_empty() {
        return Err(Problem::new("there is no such webhook")
            .hint("list `providers` in the configuration, or name one with `--webhook URL`"));
    }
    let mut exit = Exit::Good;
    for provider in &providers {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| Problem::new(error.to_string()))?;
        let sent = notify::test_delivery(provider, config.instance.as_str(), &SystemClock, random).await;
        match sent {
            Ok(status) => {
                output::data(&format!("ok    {} ({}): {status}\n", provider.name(), provider.shown()))?;
            }
            Err(error) => {
                output::data(&format!("FAIL  {} ({}): {error}\n", provider.name(), provider.shown()))?;
                exit = Exit::Changed;
            }
        }
    }
    Ok(exit)
}
