//! One sign-up: how far it gets, and when.

use std::ops::Range;

use rand::{RngExt, rngs::StdRng};

use super::{
    event::Action,
    product::{EMAIL_DOMAINS, GMAIL, MAIL_ERROR, PLANS, pick},
    story::Story,
};

/// The events of a sign-up that is completed, in their order.
pub const SIGNUP_STEPS: [&str; 4] = ["signup_started", "verification_email_sent", "email_verified", "signup_completed"];

/// How many of those who took the step before take the second, third and fourth one: together, 62 % of all.
const SHARES: [f64; 3] = [0.96, 0.72, 0.9];
/// How long it takes them; like all that a sign-up waits for, in time of the story, so that an incident does not end while
/// the sign-ups that it hits are under way.
const TAKES_MS: [Range<i64>; 3] = [1_000..5_000, 15_000..65_000, 4_000..20_000];

/// When the mail server's refusal of the e-mail is reported, and of those sent again, by the time it was first sent.
const MAIL_FAILURES_AFTER_MS: [i64; 4] = [1_000, 8_000, 28_000, 88_000];

/// What happened, and when, in milliseconds since the epoch.
#[derive(Debug)]
pub struct Signup {
    pub actions: Vec<(i64, Action)>,
    pub completed_ms: Option<i64>,
}

/// The sign-up of somebody who opens the form at this time.
pub fn signup(rng: &mut StdRng, story: &Story, start_ms: i64) -> Signup {
    let (email_domain, plan) = (pick(rng, &EMAIL_DOMAINS), pick(rng, &PLANS));
    let step = |number: usize| Action::SignupStep { event_name: SIGNUP_STEPS[number], email_domain, plan };
    let mut actions = vec![(start_ms, step(0))];
    let mut at_ms = start_ms;
    for (number, (share, takes_ms)) in (1..).zip(SHARES.into_iter().zip(TAKES_MS)) {
        if !rng.random_bool(share) {
            return Signup { actions, completed_ms: None };
        }
        at_ms = story.after(at_ms, rng.random_range(takes_ms));
        actions.push((at_ms, step(number)));
        // Nobody waits for an e-mail that does not come at once, even if a later one arrives.
        if number == 1 && email_domain == GMAIL && story.gmail_fails_at(at_ms) {
            actions.extend(mail_failures(story, at_ms));
            return Signup { actions, completed_ms: None };
        }
    }
    Signup { actions, completed_ms: Some(at_ms) }
}

/// The e-mail is sent again until it arrives.
fn mail_failures(story: &Story, sent_ms: i64) -> impl Iterator<Item = (i64, Action)> {
    let error = Action::ErrorOccurred { kind: MAIL_ERROR.kind, message: MAIL_ERROR.message, path: "/signup" };
    let failures = MAIL_FAILURES_AFTER_MS.into_iter().map(move |after_ms| story.after(sent_ms, after_ms));
    failures.take_while(move |at_ms| story.gmail_fails_at(*at_ms)).map(move |at_ms| (at_ms, error))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const STORY: Story = Story { start_ms: 1_795_000_000_000, speed: 1 };

    fn signups_of(story: &Story, minute: i64) -> Vec<Signup> {
        let mut rng = StdRng::seed_from_u64(7);
        (0..10_000).map(|_| signup(&mut rng, story, story.at_ms(minute))).collect()
    }

    fn signups(minute: i64) -> Vec<Signup> {
        signups_of(&STORY, minute)
    }

    /// The names and times of the steps that were taken.
    fn steps(signup: &Signup) -> Vec<(&'static str, i64)> {
        let steps = signup.actions.iter().filter(|(_, action)| matches!(action, Action::SignupStep { .. }));
        steps.map(|(at_ms, action)| (action.event_name(), *at_ms)).collect()
    }

    fn is_gmail(signup: &Signup) -> bool {
        matches!(signup.actions[0].1, Action::SignupStep { email_domain: GMAIL, .. })
    }

    /// Of the sign-ups with as many steps as `from`, the share with as many as `to`.
    fn share(signups: &[&Signup], from: usize, to: usize) -> f64 {
        let with = |count: usize| signups.iter().filter(|signup| steps(signup).len() >= count).count();
        with(to) as f64 / with(from) as f64
    }

    #[track_caller]
    fn assert_within(value: f64, expected: Range<f64>) {
        assert!(expected.contains(&value), "{value} is not in {expected:?}");
    }

    #[test]
    fn the_steps_come_in_their_order_and_take_their_time() {
        for signup in signups(0) {
            let steps = steps(&signup);
            assert!(steps.iter().map(|(name, _)| name).eq(&SIGNUP_STEPS[..steps.len()]));
            for (pair, takes_ms) in steps.windows(2).zip(TAKES_MS) {
                assert!(takes_ms.contains(&(pair[1].1 - pair[0].1)), "{steps:?}");
            }
            assert_eq!(signup.completed_ms, steps.get(3).map(|(_, at_ms)| *at_ms));
        }
    }

    #[test]
    fn conversion_falls_by_two_fifths_while_gmail_mail_fails_and_recovers() {
        let conversion = |minute: i64| share(&signups(minute).iter().collect::<Vec<_>>(), 1, 4);
        for usual_minute in [-200, -119, -36, -24, 0, 2, 8, 22, 28] {
            assert_within(conversion(usual_minute), 0.60..0.64);
        }
        for incident_minute in [-180, -121, -35, -26, 3, 7, 23, 27, 43] {
            assert_within(conversion(incident_minute), 0.34..0.38);
        }
    }

    #[test]
    fn in_an_incident_gmail_mails_are_sent_but_not_verified_and_others_are() {
        for (minute, gmail_verified) in [(0, 0.70..0.74), (5, 0.0..0.001), (10, 0.70..0.74)] {
            let signups = signups(minute);
            let (gmail, others): (Vec<_>, Vec<_>) = signups.iter().partition(|signup| is_gmail(signup));
            for sent in [share(&gmail, 1, 2), share(&others, 1, 2)] {
                assert_within(sent, 0.95..0.97);
            }
            assert_within(share(&gmail, 2, 3), gmail_verified);
            assert_within(share(&others, 2, 3), 0.70..0.74);
            assert_within(share(&others, 3, 4), 0.88..0.92);
        }
    }

    #[test]
    fn a_faster_story_has_the_same_signups_in_less_time() {
        let fast = Story { speed: 10, ..STORY };
        for minute in [0, 5, 10] {
            for (slow, fast) in signups(minute).iter().zip(signups_of(&fast, minute)) {
                let (slow, fast) = (steps(slow), steps(&fast));
                assert_eq!(slow.len(), fast.len());
                for (slow, fast) in slow.iter().zip(fast) {
                    let (slow_ms, fast_ms) = (slow.1 - STORY.start_ms, fast.1 - STORY.start_ms);
                    assert!((slow_ms - 10 * fast_ms).abs() < 40, "{slow_ms} {fast_ms}");
                }
            }
        }
        // What history tells took its time.
        let took = |story: &Story| signups_of(story, -30).iter().filter_map(|signup| signup.completed_ms).max();
        assert_eq!(took(&STORY), took(&fast));
    }

    #[test]
    fn each_e_mail_that_fails_is_reported_until_the_incident_ends() {
        let errors = |minute: i64| {
            let counts = signups(minute).into_iter().filter(|signup| is_gmail(signup) && steps(signup).len() == 2);
            counts.map(|signup| signup.actions.len() - 2).max()
        };
        assert_eq!(errors(3), Some(4));
        // The last one would be sent after the end.
        assert_eq!(errors(7), Some(3));
        assert_eq!(errors(8), Some(0));
    }
}
