//! The texts of an event that may be cut, each with its place.
//! It cuts none of them.

use pillarbox_proto::event::{JobReturn, What};
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::Target;

/// What is cut first among texts of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Detail,
    Output,
    Words,
}

/// One text that may be cut, and where it is.
pub(super) struct Place<'e> {
    pub(super) class: Class,
    pub(super) pointer: String,
    pub(super) text: &'e mut String,
}

/// Every text of an event that may be cut.
pub(super) fn places(what: &mut What) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut add = |class, pointer: String, text| {
        places.push(Place {
            class,
            pointer,
            text,
        })
    };
    match what {
        What::New(new) => {
            add(Class::Words, "/command".to_owned(), &mut new.command);
            add(Class::Words, "/user".to_owned(), &mut new.user);
            for (n, word) in new.args.iter_mut().enumerate() {
                add(Class::Words, format!("/args/{n}"), word);
            }
            match &mut new.target {
                Some(Target::Expression(text)) => add(Class::Words, "/target".to_owned(), text),
                Some(Target::Minions(minions)) => {
                    for (n, minion) in minions.iter_mut().enumerate() {
                        add(Class::Words, format!("/target/{n}"), minion);
                    }
                }
                None => {}
            }
            if let Some(kind) = &mut new.target_type {
                add(Class::Words, "/target_type".to_owned(), kind);
            }
        }
        What::Ret(ret) => places_of_return(ret, &mut add),
        What::End(end) => {
            if let Some(halted) = &mut end.halted {
                add(Class::Words, "/halted".to_owned(), halted);
            }
        }
        What::Beat(_) => {}
    }
    places
}

fn places_of_return<'e>(
    ret: &'e mut JobReturn,
    add: &mut impl FnMut(Class, String, &'e mut String),
) {
    for (n, error) in ret.errors.iter_mut().enumerate() {
        add(Class::Output, format!("/errors/{n}"), error);
    }
    for (n, word) in ret.args.iter_mut().enumerate() {
        add(Class::Words, format!("/args/{n}"), word);
    }
    for (name, text) in [("user", &mut ret.user), ("schedule", &mut ret.schedule)] {
        if let Some(text) = text {
            add(Class::Words, format!("/{name}"), text);
        }
    }
    let JobReturn {
        failures, changes, ..
    } = ret;
    for (list, states) in [("failures", failures), ("changes", changes)] {
        for (n, state) in states.iter_mut().enumerate() {
            places_of_state(&format!("/{list}/{n}"), state, add);
        }
    }
}

fn places_of_state<'e>(
    at: &str,
    state: &'e mut StateReturn,
    add: &mut impl FnMut(Class, String, &'e mut String),
) {
    let optional = [
        (Class::Detail, "diff", &mut state.diff),
        (Class::Output, "stdout", &mut state.stdout),
        (Class::Output, "stderr", &mut state.stderr),
        (Class::Words, "sls", &mut state.sls),
    ];
    for (class, name, text) in optional {
        if let Some(text) = text {
            add(class, format!("{at}/{name}"), text);
        }
    }
    let always = [
        ("comment", &mut state.comment),
        ("name", &mut state.name),
        ("id", &mut state.id),
        ("function", &mut state.function),
    ];
    for (name, text) in always {
        add(Class::Words, format!("{at}/{name}"), text);
    }
    for (n, warning) in state.warnings.iter_mut().enumerate() {
        add(Class::Words, format!("{at}/warnings/{n}"), warning);
    }
}
