-- Old events are the first ones; an index by time alone only misleads who looks for those of one account.
DROP INDEX audit_events_by_time;
