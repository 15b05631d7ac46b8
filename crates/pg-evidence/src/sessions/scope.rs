//! Sessions that the evidence covers, and their names in reports.

/// Sessions that the evidence covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Sessions of the application with this name.
    Application(String),
    /// Sessions of all clients, except those of this tool.
    Everyone,
}

impl Scope {
    pub(crate) fn contains(&self, application: &str) -> bool {
        match self {
            Self::Application(name) => name == application,
            Self::Everyone => true,
        }
    }

    /// Returns true if `application` is the load under test.
    pub(crate) fn is_load(&self, application: &str) -> bool {
        self.application() == Some(application)
    }

    /// Returns the name of an application in the report of the run `name`: `ours` for the load,
    /// `watch` for other connections of this tool, else the application's own name.
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
