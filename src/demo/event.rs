//! What visitors send: an event, as `POST /events` takes it.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::product::{BUG_COUNTRY, BUG_COUNTRY_SENT, BUG_PAGE};

/// Somebody at the keyboard: what all events of a session have in common.
#[derive(Debug)]
pub struct Visitor {
    pub session_id: String,
    /// The user, and since when they are known.
    pub user: Option<(String, i64)>,
    pub device_type: &'static str,
    pub country_code: &'static str,
    /// What brought them; sent as the property `utm_campaign` of each of their events.
    pub campaign: Option<&'static str>,
}

impl Visitor {
    /// Before the user signs in, there is only the session.
    pub fn user_at(&self, at_ms: i64) -> Option<&str> {
        self.user.as_ref().filter(|(_, from_ms)| *from_ms <= at_ms).map(|(user_id, _)| user_id.as_str())
    }
}

/// What happened; its fields are properties of the event.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum Action {
    PageView {
        path: &'static str,
    },
    ButtonClick {
        button: &'static str,
        path: &'static str,
    },
    FeatureUsed {
        feature: &'static str,
    },
    SignupStep {
        #[serde(skip)]
        event_name: &'static str,
        email_domain: &'static str,
        plan: &'static str,
    },
    ErrorOccurred {
        kind: &'static str,
        message: &'static str,
        path: &'static str,
    },
}

impl Action {
    pub fn event_name(&self) -> &'static str {
        match self {
            Self::PageView { .. } => "page_view",
            Self::ButtonClick { .. } => "button_click",
            Self::FeatureUsed { .. } => "feature_used",
            Self::SignupStep { event_name, .. } => event_name,
            Self::ErrorOccurred { .. } => "error_occurred",
        }
    }
}

#[derive(Debug, Serialize)]
struct Properties<'a> {
    #[serde(flatten)]
    action: &'a Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    utm_campaign: Option<&'static str>,
}

/// One event; serializes to what `POST /events` takes.
#[derive(Debug, Clone)]
pub struct Event {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    pub visitor: Arc<Visitor>,
    pub action: Action,
}

impl Event {
    /// Whether the SDK's bug makes Weir reject it.
    pub fn is_faulty(&self) -> bool {
        matches!(self.action, Action::PageView { path: BUG_PAGE }) && self.visitor.country_code == BUG_COUNTRY
    }

    fn country_code(&self) -> &'static str {
        if self.is_faulty() { BUG_COUNTRY_SENT } else { self.visitor.country_code }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 7)?;
        event.serialize_field("event_name", self.action.event_name())?;
        event.serialize_field("timestamp", &self.at_ms)?;
        event.serialize_field("session_id", &self.visitor.session_id)?;
        event.serialize_field("user_id", &self.visitor.user_at(self.at_ms))?;
        event.serialize_field("device_type", self.visitor.device_type)?;
        event.serialize_field("country_code", self.country_code())?;
        let properties = Properties { action: &self.action, utm_campaign: self.visitor.campaign };
        event.serialize_field("properties", &properties)?;
        event.end()
    }
}
