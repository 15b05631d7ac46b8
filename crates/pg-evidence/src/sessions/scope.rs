//! Sessions that the evidence covers, and the names of applications in reports.

/// Sessions of the server that the evidence covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Sessions with this application name: those of the load.
    Application(String),
    /// Sessions of all clients of the server.
    Everyone,
}

impl Scope {
    pub(crate) fn contains(&self, application: &str) -> bool {
        match self {
            Self::Application(name) => name == application,
            Self::Everyone => true,
        }
    }

    /// Returns true if `application` is the application name of the load; always false without a
    /// load.
    pub(crate) fn is_load(&self, application: &str) -> bool {
        self.application() == Some(application)
    }

    /// Returns the name in reports of sessions with the application name `application`, in the run
    /// `name`: `ours` for the load, `watch` for other connections of this tool, else `application`
    /// itself.
    pub(crate) fn label(&self, application: &str, name: &str) -> String {
        let beside = application.strip_prefix(name);
        if self.is_load(application) {
            "ours".to_owned()
        } else if beside.is_some_and(|rest| rest.starts_with('.')) {
            "watch".to_owned()
        } else {
            application.to_owned()
        }
    }

    pub(crate) fn application(&self) -> Option<&str> {
        match self {
            Self::Application(name) => Some(name),
            Self::Everyone => None,
        }
    }
}
