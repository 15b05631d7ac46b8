//! Excerpt of an assessment that a person can read: a run of thousands of reports has thousands of
//! findings and gates. The JSON of the assessment has all of them.

use std::borrow::Cow;

use crate::assessment::{Assessment, Gate, GateOutcome};

/// Largest numbers of entries that are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Excerpt {
    /// Largest number of components, with their operating points, promises and charts.
    pub(crate) components: usize,
    /// Largest number of findings.
    pub(crate) findings: usize,
    /// Largest number of gates; those that failed come first if there are more.
    pub(crate) gates: usize,
    /// Largest number of entries of each other list.
    pub(crate) others: usize,
    /// Largest number of checks, unknowns and doubtful figures, of which the text shows a few anyway
    /// and counts the rest.
    pub(crate) conclusions: usize,
}

impl Excerpt {
    /// Numbers of entries in the text for a terminal.
    pub(crate) const TEXT: Self = Self {
        components: 12,
        findings: 30,
        gates: 60,
        others: 12,
        conclusions: usize::MAX,
    };
    /// Numbers of entries in the page.
    pub(crate) const PAGE: Self = Self {
        components: 50,
        findings: 200,
        gates: 200,
        others: 200,
        conclusions: 500,
    };

    /// Returns `assessment` with as many entries of each list as are shown, and with a note that
    /// tells how many there are. Borrows it if all are shown.
    pub(crate) fn of<'a>(&self, assessment: &'a Assessment) -> Cow<'a, Assessment> {
        let counts = [
            ("components", assessment.components.len(), self.components),
            ("findings", assessment.findings.len(), self.findings),
            ("gates", assessment.gates.len(), self.gates),
            (
                "missing measurements",
                assessment.missing.len(),
                self.others,
            ),
            ("notes", assessment.notes.len(), self.others),
            (
                "skipped files and figures",
                assessment.skipped.len(),
                self.others,
            ),
        ];
        let beyond = counts.iter().filter(|(_, count, most)| count > most);
        let told: Vec<String> = beyond
            .map(|(what, count, most)| format!("{most} of {count} {what}"))
            .collect();
        if told.is_empty() {
            return Cow::Borrowed(assessment);
        }
        let mut shown = assessment.clone();
        self.shorten(&mut shown);
        let note = format!("Shown are {}; assessment.json has all.", told.join(", "));
        // The page shows the notes among the reasons of the verdict.
        shown.verdict.reasons.insert(0, note.clone());
        shown.notes.insert(0, note);
        Cow::Owned(shown)
    }

    fn shorten(&self, shown: &mut Assessment) {
        if shown.gates.len() > self.gates {
            shown.gates.sort_by_key(badness);
        }
        shown.gates.truncate(self.gates);
        shown.components.truncate(self.components);
        shown.findings.truncate(self.findings);
        let files: Vec<String> = shown.components.iter().map(|c| c.file.clone()).collect();
        let is_shown =
            |file: &Option<String>| file.as_ref().is_none_or(|file| files.contains(file));
        shown.bands.retain(|band| is_shown(&band.file));
        shown.bands.truncate(self.gates);
        shown.ruled_out.truncate(self.conclusions);
        shown.unknown.truncate(self.conclusions);
        shown.spoiled.truncate(self.conclusions);
        shown.promises.retain(|promise| is_shown(&promise.file));
        shown.promises.truncate(self.others);
        shown.missing.truncate(self.others);
        shown.notes.truncate(self.others);
        shown.skipped.truncate(self.others);
        shown.reports.truncate(self.others);
        shown.verdict.reasons.truncate(self.others);
    }
}

/// Returns the place of a gate among those of a run: failed ones first, then unknown ones.
fn badness(gate: &Gate) -> u8 {
    match gate.outcome {
        GateOutcome::Fail => 0,
        GateOutcome::Unknown => 1,
        GateOutcome::Pass => 2,
    }
}
