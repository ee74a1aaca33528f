"""Why a derived record is as it is: told in words and as data, with the rule's place in the YAML and the records it rests on."""

from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.explanation import Explanation, explain_subject, subject_timeline
from rules_engine.explain.timeline import SubjectTimeline
from rules_engine.explain.timepoint import TimepointStory

__all__ = ["EndpointStory", "Explanation", "SubjectTimeline", "TimepointStory", "explain_subject", "subject_timeline"]
