//! Behaviour of the users: how long their sessions are, what they do on a page, and how they leave.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::page_request::{PageAction, PageRequest};
use crate::cli::SessionFlags;

/// Kind of page view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageView {
    /// Log-in, which creates a session.
    LogIn,
    /// Page whose requests read or change the session.
    Page,
    /// Page view that only prolongs the session.
    Touch,
    /// Page with a form, for which a token is issued.
    TokenIssue,
    /// Form that is sent, whose token is checked.
    TokenCheck,
    /// Page of which one request logs the user out.
    LogOut,
    /// Page view with a session that was abandoned, and has expired since.
    AfterExpiry,
}

/// End of a session after its next page view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// The page view is the log-out.
    LogOut,
    /// The user leaves after the page view, without log-out.
    Abandoned,
}

/// Shares by which the behaviour of users is drawn, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Population {
    /// Page views after the log-in that are the last of their session.
    last: f64,
    abandoned: f64,
    touches: f64,
    csrf: f64,
    updates: f64,
}

impl Population {
    /// Creates the behaviour that `flags` describe. The number of page views after the log-in is
    /// drawn from a geometric distribution, so that a session is as likely to end at any of them.
    pub(super) fn new(flags: &SessionFlags) -> Self {
        Self {
            last: 1.0 / (flags.session_length.max(2) - 1) as f64,
            abandoned: flags.abandoned,
            touches: flags.touches,
            csrf: flags.csrf,
            updates: flags.updates,
        }
    }

    /// Draws whether and how the session ends with the next page view; `None` if it does not.
    pub(super) fn draw_end(&self, random: &mut SmallRng) -> Option<Leaving> {
        if random.random::<f64>() >= self.last {
            return None;
        }
        let is_abandoned = random.random::<f64>() < self.abandoned;
        Some(if is_abandoned {
            Leaving::Abandoned
        } else {
            Leaving::LogOut
        })
    }

    /// Draws the kind of a page view within a session.
    pub(super) fn draw_view(&self, random: &mut SmallRng) -> PageView {
        let drawn = random.random::<f64>();
        if drawn < self.touches {
            PageView::Touch
        } else if drawn < self.touches + self.csrf {
            PageView::TokenIssue
        } else {
            PageView::Page
        }
    }

    /// Draws what each of the requests of a page does: it reads the session or changes it.
    pub(super) fn draw_actions(&self, random: &mut SmallRng, requests: &mut [PageRequest]) {
        for request in requests {
            let updates = random.random::<f64>() < self.updates;
            request.action = if updates {
                PageAction::Update
            } else {
                PageAction::Read
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const POPULATION: Population = Population {
        last: 0.25,
        abandoned: 0.2,
        touches: 0.1,
        csrf: 0.3,
        updates: 0.4,
    };

    #[test]
    fn behaviour_is_drawn_with_the_shares_of_the_flags() {
        let mut random = SmallRng::seed_from_u64(5);
        let draws = 20_000;
        let share = |count: usize| count as f64 / f64::from(draws);
        let ends: Vec<_> = (0..draws)
            .map(|_| POPULATION.draw_end(&mut random))
            .collect();
        let of = |wanted| share(ends.iter().filter(|end| **end == wanted).count());
        assert!((of(Some(Leaving::LogOut)) - 0.2).abs() < 0.01);
        assert!((of(Some(Leaving::Abandoned)) - 0.05).abs() < 0.01);
        let views: Vec<_> = (0..draws)
            .map(|_| POPULATION.draw_view(&mut random))
            .collect();
        let of = |wanted| share(views.iter().filter(|view| **view == wanted).count());
        assert!((of(PageView::Touch) - 0.1).abs() < 0.01);
        assert!((of(PageView::TokenIssue) - 0.3).abs() < 0.01);
        let mut requests: Vec<_> = (0..draws as usize).map(PageRequest::new).collect();
        POPULATION.draw_actions(&mut random, &mut requests);
        let updates = requests.iter().filter(|r| r.action == PageAction::Update);
        assert!((share(updates.count()) - 0.4).abs() < 0.01);
    }
}
