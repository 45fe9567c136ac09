//! Annotates the story with `POST /api/annotations`, as the people of the product would: each moment once it has come.

use std::time::Duration;

use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use serde_json::json;
use tokio::time::sleep;

use super::{
    sender::{RETRY_WAIT_MAX, RETRY_WAIT_MIN, SendError, client},
    story::{ANNOTATIONS, Story},
};
use crate::clock::{Clock, rfc3339};

/// Where annotations are made.
#[derive(Debug)]
pub struct Annotator {
    http: Client,
    endpoint: String,
}

impl Annotator {
    pub fn new(dashboard_url: &str) -> Result<Self, SendError> {
        let endpoint = format!("{dashboard_url}/api/annotations");
        Ok(Self { http: client(&endpoint)?, endpoint })
    }

    /// Returns after the last one. An annotation that is refused is left out: the story goes on without it.
    pub async fn annotate(&self, story: &Story) {
        for (minute, text) in ANNOTATIONS {
            let at_ms = story.at_ms(minute);
            let until_then_ms = u64::try_from(at_ms - Clock::System.now_ms()).unwrap_or(0);
            sleep(Duration::from_millis(until_then_ms)).await;
            let refused = self.post(text, at_ms).await;
            if let Some(status) = refused {
                tracing::warn!(endpoint = self.endpoint, %status, text, "an annotation was refused");
            }
        }
    }

    /// Tries until there is an answer that another attempt would not change: the engine may still be starting. The status if it
    /// was refused.
    async fn post(&self, text: &str, at_ms: i64) -> Option<StatusCode> {
        let annotation = json!({ "text": text, "at": rfc3339(at_ms) }).to_string();
        let mut wait = RETRY_WAIT_MIN;
        loop {
            let request = self.http.post(&self.endpoint).header(CONTENT_TYPE, "application/json");
            let reply = request.body(annotation.clone()).send().await;
            match reply.map(|reply| reply.status()) {
                Ok(status) if status.is_success() => return None,
                Ok(status) if status.is_client_error() => return Some(status),
                Ok(_) | Err(_) => {}
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_WAIT_MAX);
        }
    }
}
