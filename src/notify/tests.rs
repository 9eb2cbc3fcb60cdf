//! The worker with an outbox that does as it is told. What goes over the wire is tested in `tests/notify.rs`.

use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::core::model::Secret;
use crate::ports::Delivery;
use crate::ports::Due;
use crate::ports::FailedDelivery;
use crate::ports::OutboxError;
use crate::ports::SystemClock;

/// Gives the answers in turn and then [`Due::Nothing`], and says when it was asked.
struct Script {
    answers: Mutex<Vec<Result<Due, OutboxError>>>,
    asked: mpsc::UnboundedSender<Instant>,
    appended: watch::Sender<u64>,
}

#[async_trait]
impl Outbox for Script {
    async fn due(&self, _: &str, _: Timestamp) -> Result<Due, OutboxError> {
        self.asked.send(Instant::now()).expect("the test listens");
        let mut answers = self.answers.lock().expect("not poisoned");
        if answers.is_empty() { Ok(Due::Nothing) } else { answers.remove(0) }
    }

    async fn delivered(&self, _: &Delivery, _: Timestamp) -> Result<(), OutboxError> {
        Ok(())
    }

    async fn failed(&self, _: &Delivery, _: FailedDelivery) -> Result<(), OutboxError> {
        Ok(())
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }
}

struct Bench {
    outbox: Arc<Script>,
    asked: mpsc::UnboundedReceiver<Instant>,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
    started: Instant,
}

fn start(answers: Vec<Result<Due, OutboxError>>) -> Bench {
    crate::telemetry::install_crypto_provider();
    let (sender, asked) = mpsc::unbounded_channel();
    let (appended, _) = watch::channel(0);
    let outbox = Arc::new(Script { answers: Mutex::new(answers), asked: sender, appended });
    let stop = CancellationToken::new();
    let worker = Worker {
        outbox: Arc::clone(&outbox) as Arc<dyn Outbox>,
        provider: Provider::new("ops", &Secret::new("http://127.0.0.1:9/"), None).expect("an address"),
        poster: Poster::new(Duration::from_secs(10)).expect("a client"),
        clock: Arc::new(SystemClock),
        timing: Timing::default(),
        stop: stop.clone(),
    };
    Bench { outbox, asked, stop, worker: tokio::spawn(worker.run()), started: Instant::now() }
}

impl Bench {
    async fn next_look(&mut self) -> Duration {
        self.asked.recv().await.expect("the worker runs") - self.started
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_looks_again_when_a_retry_is_due() {
    let at = Timestamp::now() + jiff::SignedDuration::from_mins(15);
    let mut bench = start(vec![Ok(Due::At(at))]);
    assert_eq!(bench.next_look().await, Duration::ZERO);
    let again = bench.next_look().await;
    assert!((Duration::from_secs(890)..Duration::from_secs(901)).contains(&again), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_looks_at_once_when_an_event_is_added() {
    let mut bench = start(Vec::new());
    bench.next_look().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.outbox.appended.send_modify(|count| *count += 1);
    assert_eq!(bench.next_look().await, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_fails_is_asked_again_later() {
    let mut bench = start(vec![Err(OutboxError("disk full".into()))]);
    bench.next_look().await;
    assert_eq!(bench.next_look().await, Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_when_told() {
    let mut bench = start(Vec::new());
    bench.next_look().await;
    bench.stop.cancel();
    bench.worker.await.expect("it ends");
}
