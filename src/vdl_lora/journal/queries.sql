-- Every statement of the journal, each behind its name.

-- name: append
-- Keep an event; an identity that is known keeps its first row.
insert into event (
  position, event_at_ns, identity, origin, tenant, kind, encoding, way, arrived_at_ns, anchor_at_ns, anchor, log_item,
  dictionary, body, stage, code, words
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (event_at_ns, identity) do nothing;

-- name: appended
-- The positions of a group that were new.
select position from event where position between ? and ?;

-- name: count_copy
-- Count that an event came again.
insert into copy (position, way, count, last_at_ns, log_item)
select position, ?, 1, ?, ? from event where event_at_ns = ? and identity = ?
on conflict (position, way) do update set
  count = count + 1, last_at_ns = excluded.last_at_ns, log_item = coalesce(excluded.log_item, log_item);

-- name: last_position
-- The last position that was ever given.
select max(
  coalesce((select max(position) from event), 0),
  coalesce((select value from meta where name = 'last_position'), 0)
);

-- name: keep_last_position
-- Remember it, before rows at the end may go.
insert into meta (name, value) values ('last_position', ?) on conflict (name) do update set value = excluded.value;

-- name: read
-- The next events of a tenant: not those without an envelope, not those whose body is pruned.
select
  event.position, kind.name, event.encoding, event.dictionary, event.body, way.name, event.arrived_at_ns,
  event.anchor_at_ns, event.anchor, event.log_item, event.stage
from event
join kind on kind.id = event.kind
join way on way.id = event.way
where event.tenant = ? and event.position >= ? and event.position < ?
order by event.position
limit ?;

-- name: new_cursor
-- Begin a cursor.
insert into cursor (sink, tenant, kind, next, "end", filter) values (?, ?, ?, ?, ?, ?)
on conflict do nothing;

-- name: cursors
-- The cursors of a sink and tenant that are not done.
select cursor.id, sink, tenant.name, kind, next, "end", filter, state, words
from cursor
join tenant on tenant.id = cursor.tenant
where sink = ? and tenant.name = ?
order by case kind when 'live' then 0 when 'backlog' then 1 else 2 end, cursor.id desc;

-- name: last_left
-- The last event that a live cursor leaves behind when it keeps some newest ones.
select position from event where tenant = ? and position >= ? order by position desc limit 1 offset ?;

-- name: move_cursor
-- Move a cursor on; it never goes back.
update cursor set next = max(next, ?), state = 'flowing', words = '' where id = ?;

-- name: drop_cursor
-- A cursor that has reached its end is done.
delete from cursor where id = ? and "end" is not null and next >= "end";

-- name: say
-- How a cursor's delivery goes.
update cursor set state = ?, words = ? where id = ?;

-- name: keep_receipt
-- What was written of a batch.
insert into receipt (sink, tenant, first, last, content) values (?, ?, ?, ?, ?);

-- name: receipts
-- The receipts that may speak of an event.
select sink, content from receipt
where tenant = (select tenant from event where position = ?) and first <= ? and last >= ?
order by id desc;

-- name: mark
-- Put an event into quarantine.
update event set stage = ?, code = ?, words = ? where position = ?;

-- name: clear_mark
-- Take an event out of it, but for what another sink refuses.
update event set stage = null, code = null, words = null
where position = ? and (stage not glob 'sink:*' or stage = ?);

-- name: events
-- Events as people look at them; the conditions are added.
select
  event.position, kind.name, event.encoding, origin.dev_eui, tenant.name, origin.application, event.event_at_ns,
  event.anchor_at_ns, event.arrived_at_ns, way.name,
  (select group_concat(hex(w.name) || ' ' || copy.count)
   from copy join way w on w.id = copy.way where copy.position = event.position),
  event.log_item, event.stage, event.code, event.words, event.dictionary, event.body
from event
join kind on kind.id = event.kind
join origin on origin.id = event.origin
join tenant on tenant.id = event.tenant
join way on way.id = event.way;

-- name: count_events
-- How many events of each kind, and when the oldest arrived.
select kind.name, count(*), min(event.arrived_at_ns) from event join kind on kind.id = event.kind group by event.kind;

-- name: count_quarantined
-- How many are in quarantine, by code.
select code, count(*) from event where stage is not null group by code;

-- name: count_copies
-- How often events came again.
select coalesce(sum(count), 0) from copy;

-- name: depth
-- How many events there are, and how many of them are in quarantine: both from an index alone.
select (select count(*) from event), (select count(*) from event where stage is not null);

-- name: deliveries
-- What each sink still has ahead, how it goes, and when the first of it arrived.
select
  cursor.sink, tenant.name,
  sum((select count(*) from event
       where event.tenant = cursor.tenant and event.position >= cursor.next
         and event.position < coalesce(cursor."end", 9223372036854775807))),
  max(case cursor.state when 'held' then 2 when 'retrying' then 1 else 0 end),
  max(cursor.words),
  min((select event.arrived_at_ns from event
       where event.tenant = cursor.tenant and event.position >= cursor.next
         and event.position < coalesce(cursor."end", 9223372036854775807)
       order by event.position limit 1))
from cursor
join tenant on tenant.id = cursor.tenant
where cursor.kind in ('live', 'backlog')
group by cursor.sink, cursor.tenant
order by cursor.sink, tenant.name;

-- name: prune_bodies
-- Remove the bodies of a span of positions, not what a cursor of their tenant still has ahead unless told to.
update event set body = null, dictionary = null
from (
  select tenant.id as tenant, tenant.name, min(cursor.next) as next
  from tenant left join cursor on cursor.tenant = tenant.id group by tenant.id
) as guard
where guard.tenant = event.tenant and event.position between ? and ? and event.arrived_at_ns < ?
  and event.body is not null and (? or guard.name = '' or event.position < guard.next);

-- name: prune_copies
-- Remove what is known of the copies of events that are about to go.
delete from copy where position in (
  select position from event where position between ? and ? and body is null and arrived_at_ns < ?
);

-- name: prune_events
-- Remove events whose body is gone and whose identity is no longer needed.
delete from event where position between ? and ? and body is null and arrived_at_ns < ?;

-- name: stripped
-- A place for rows without a body, while they are written anew: where a row only shrinks, its page stays as it is, and
-- a full journal would stay full.
create temp table stripped as select * from event where false;

-- name: take_stripped
-- Take the rows of a span of positions that have no body.
insert into stripped select * from event where position between ? and ? and body is null;

-- name: drop_stripped
-- Free their pages.
delete from event where position between ? and ? and body is null;

-- name: put_stripped
-- Write them together.
insert into event select * from stripped where position between ? and ? order by position;

-- name: prune_receipts
-- Remove receipts of which no event has a body left.
delete from receipt where not exists (
  select 1 from event
  where event.tenant = receipt.tenant and event.position between receipt.first and receipt.last and event.body is not null
);
