//! The running ingestion side, listener → journal → writer: its start, and its end in the order of the data.

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::AppError,
    clock::Clock,
    config::Config,
    event::EventLimits,
    http::{Connections, Entrance, Gate, IngestHealth, IngestService, IngestStages, IngestState, ServerLimits, serve},
    ingest::{Decoder, EventIdFiles, EventIds, EventNames},
    journal::{Disk, Journal, JournalLimits, OpenJournal, RealDisk, SegmentQueue, visit_event_ids},
    store::{AttemptLimits, ErasedJournal, RejectedEvents, RejectedLimits, Store, Writer, WriterLimits},
};

/// Time for the journal's last segments to reach ClickHouse at the end; what is left is sent after the next start.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(10);

/// The running ingestion side: listener → journal → writer.
pub struct Ingestion {
    server: JoinHandle<()>,
    journal: Journal,
    journal_ended: oneshot::Receiver<io::Result<()>>,
    queue: Arc<SegmentQueue>,
    pub erased: ErasedJournal,
    /// Appends that go on without their clients.
    appends: TaskTracker,
    event_id_files: JoinHandle<()>,
    event_ids_complete: CancellationToken,
    writer: JoinHandle<io::Result<bool>>,
    rejected_writer: JoinHandle<()>,
    give_up: CancellationToken,
    pub freshness: tokio::sync::watch::Receiver<crate::store::FlushReport>,
    pub health: IngestHealth,
}

/// What ends it.
pub struct Ends {
    /// In order.
    pub shutdown: CancellationToken,
    /// The tables are of a newer version: nothing may be written to them.
    pub refused: CancellationToken,
}

impl Ingestion {
    pub fn start(
        config: &Config,
        (listener, gate): (TcpListener, Gate),
        store: &Store,
        clock: &Clock,
        (limits, entrance): (&ServerLimits, &Entrance),
        ends: &Ends,
    ) -> Result<Self, AppError> {
        let in_data_dir = |source| AppError::DataDir { path: config.data_dir.display().to_string(), source };
        let names = match &config.ingest.event_names {
            Some(names) => EventNames::listed(names),
            None => EventNames::seen(&config.data_dir.join("event_names"), config.ingest.event_names_max)
                .map_err(in_data_dir)?,
        };
        let disk = RealDisk::open(&config.data_dir.join("journal")).map_err(in_data_dir)?;
        let OpenJournal { journal, queue, ended } =
            Journal::open(Arc::clone(&disk), JournalLimits::from_config(&config.journal), rand::random())
                .map_err(in_data_dir)?;
        let event_ids = EventIds::new(config.ingest.event_id_window_ids);
        let event_id_files =
            open_event_ids(&config.data_dir.join("event_ids"), disk.as_ref(), &event_ids).map_err(in_data_dir)?;
        let retention_days = config.retention_days;
        let writer = Writer::new(store.clone(), Arc::clone(&queue), WriterLimits::default(), clock.clone());
        let freshness = writer.reports();
        let appends = TaskTracker::new();
        let rejected_limits = RejectedLimits::in_rhythm(config.journal.flush_events, config.journal.flush_interval);
        let (rejected_events, rejected_writer) =
            RejectedEvents::new(store.clone(), rejected_limits, AttemptLimits::default(), rand::random());
        let erased = ErasedJournal { queue: Arc::clone(&queue), rejected: rejected_events.flush() };
        let connections = Connections::new();
        let stages = IngestStages {
            decoder: Decoder { limits: EventLimits::with_retention_days(retention_days), names },
            event_ids,
            journal: journal.clone(),
            tasks: appends.clone(),
            clock: clock.clone(),
            reports: freshness.clone(),
            unflushed_max: config.ingest.unflushed_max,
            respects_do_not_track: config.ingest.respects_do_not_track,
            rejected_events,
        };
        let state = IngestState::new(gate, stages, limits, Arc::clone(&connections));
        let (health, service) = (state.health_source(), IngestService::new(state));
        // What tables of a newer version would make of the events is not known.
        let (give_up, event_ids_complete) = (ends.refused.child_token(), CancellationToken::new());
        Ok(Self {
            server: tokio::spawn(serve(
                listener,
                service,
                limits.clone(),
                entrance.clone(),
                connections,
                ends.shutdown.clone(),
            )),
            journal,
            journal_ended: ended,
            queue,
            erased,
            appends,
            event_id_files: tokio::spawn(event_id_files.run(event_ids_complete.clone())),
            event_ids_complete,
            writer: tokio::spawn(writer.run(give_up.clone())),
            rejected_writer: tokio::spawn(rejected_writer.run(give_up.clone())),
            give_up,
            freshness,
            health,
        })
    }

    /// Runs until `shutdown` or a failure of the journal, then ends in the order of the data: requests, journal, flush.
    pub async fn run_to_end(mut self, shutdown: &CancellationToken) -> Result<(), AppError> {
        tokio::select! {
            // First, for the writer may have been told to end with it.
            biased;
            () = shutdown.cancelled() => {}
            ended = &mut self.journal_ended => return Err(AppError::Journal(failure(ended))),
            ended = &mut self.writer => return Err(AppError::Journal(failure(ended))),
        }
        // The listener ends by the token; a panic in it has been reported.
        let _ = self.server.await;
        self.journal.close();
        self.journal_ended.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(AppError::Journal)?;
        self.appends.close();
        self.appends.wait().await;
        self.event_ids_complete.cancel();
        // Before the end is marked as clean: the next start then reads no ids out of the journal.
        let _ = self.event_id_files.await;
        let give_up = self.give_up.clone();
        let deadline = tokio::spawn(async move {
            tokio::time::sleep(LAST_FLUSH_MAX).await;
            give_up.cancel();
        });
        let all_stored = self.writer.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        // It ends because the listener has; a panic in it has been reported.
        let _ = self.rejected_writer.await;
        deadline.abort();
        match all_stored.map_err(AppError::Journal)? {
            true => self.queue.mark_clean().map_err(AppError::Journal),
            false => {
                let events = self.journal.depth().events;
                tracing::warn!(
                    events,
                    "ClickHouse did not take everything in time; the rest is sent after the next start"
                );
                Ok(())
            }
        }
    }
}

/// Loads the ids that were stored within the window, from their files and from the journal.
fn open_event_ids(directory: &Path, journal: &dyn Disk, event_ids: &EventIds) -> io::Result<EventIdFiles> {
    let files = EventIdFiles::open(RealDisk::open(directory)?, event_ids.clone())?;
    visit_event_ids(journal, |id| event_ids.remember(id))?;
    Ok(files)
}

/// Why a part ended that should not have.
fn failure<T, E: std::error::Error + Send + Sync + 'static>(ended: Result<io::Result<T>, E>) -> io::Error {
    match ended {
        Ok(Ok(_)) => io::Error::other("it ended early"),
        Ok(Err(error)) => error,
        Err(panicked) => io::Error::other(panicked),
    }
}
