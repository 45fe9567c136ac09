//! A disk that gets full and has room again (fault F4), as a mounted file system of a few hundred kilobytes. Mounting takes
//! root; without it the same is left to the journal's own tests, on a simulated disk.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::app::{Settings, TestApp, event, eventually};

/// Nothing is flushed, so that nothing makes room.
const NO_FLUSH: Settings<'_> = &[("WEIR_FLUSH_INTERVAL_MS", "3600000"), ("WEIR_FLUSH_EVENTS", "1000000")];

/// A small file system, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(directory: &Path) -> Option<Self> {
        let mounted = mount(&["-t", "tmpfs", "-o", "size=400k", "tmpfs"], directory);
        mounted.then(|| Self(directory.to_owned()))
    }

    fn grow(&self) {
        assert!(mount(&["-o", "remount,size=16m"], &self.0), "the file system can be made larger");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A test that failed may still have files open in it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(options: &[&str], directory: &Path) -> bool {
    Command::new("mount").args(options).arg(directory).output().is_ok_and(|output| output.status.success())
}

fn events(count: usize) -> Value {
    (0..count).map(|number| event(json!({ "session_id": format!("s-{number}") }))).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_events_answers_queries_and_resumes_without_a_restart() {
    let stopped = TestApp::start().await.stop().await;
    let Some(disk) = SmallDisk::mount(&stopped.directory.path().join("journal")) else { return };
    let app = TestApp::restart_with(stopped, NO_FLUSH).await;
    let mut accepted = 0;
    let refused = loop {
        let reply = app.post(events(500).to_string()).await;
        if reply.status != 202 {
            break reply;
        }
        accepted += 500;
        assert!(accepted < 100_000, "the disk does not get full");
    };
    assert!(accepted > 0, "there was room for nothing");
    assert_eq!((refused.status, &refused.json["error"]["code"]), (507, &json!("disk_full")));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(app.health().await.json["buffered_events"], accepted);
    eventually("an answer", || async {
        let url = format!("{}/api/queries/error_rate?range=1h", app.dashboard_url);
        app.get(&url).await.status == 200
    })
    .await;

    disk.grow();
    app.accept(&events(500)).await;
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    app.stored(accepted + 500).await;
    app.stop().await;
}
