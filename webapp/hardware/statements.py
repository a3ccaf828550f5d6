"""The SQL that turns samples and rollups into points: one shape for both, so that a page need not know which it reads.

A sample's row is opened into pairs of metric and value. Some metrics have a suffix after a colon: ``clock:REASON`` is
the share of readings in which the clocks were held back for that reason, ``waiting:REASON`` a part of the queue, and
``xid:NUMBER`` a count that only grows, as ``ecc_corrected`` and ``ecc_uncorrected`` are.
"""

from dataclasses import dataclass

GPU_METRICS = (
    "utilization_percent", "memory_bandwidth_percent", "memory_used_bytes", "power_watts", "temperature_celsius",
    "sm_clock_mhz", "ecc_corrected", "ecc_uncorrected",
)  # fmt: skip
ENGINE_METRICS = (
    "running", "waiting", "kv_cache_percent", "preemptions_per_minute", "prompt_tokens_per_second",
    "generation_tokens_per_second", "prefix_hit_percent", "time_to_first_token_seconds", "inter_token_latency_seconds",
    "queue_time_seconds",
)  # fmt: skip
# Counts the readings of a bin: what the shares are shares of.
READINGS = "readings"


@dataclass(frozen=True)
class Kind:
    """Samples of one kind of subject, and their rollups."""

    samples: str
    rollups: str
    subject: str
    metrics: tuple[str, ...]
    opened: str

    @property
    def pairs(self) -> str:
        """A row of samples as rows of (metric, value)."""
        columns = ", ".join(f"('{name}', {name}::double precision)" for name in self.metrics)
        plain = f"VALUES ('{READINGS}', 1::double precision), {columns}"
        return f"SELECT * FROM ({plain}) AS plain (metric, value) {self.opened}"  # noqa: S608 - constants


GPU = Kind(
    "hardware_gpusample",
    "hardware_gpurollup",
    "gpu_id",
    GPU_METRICS,
    "UNION ALL SELECT 'clock:' || reason, 1 FROM unnest(clock_event_reasons) AS reason "
    "UNION ALL SELECT 'xid:' || key, value::double precision FROM jsonb_each_text(xid_counts)",
)
ENGINE = Kind(
    "hardware_enginesample",
    "hardware_enginerollup",
    "engine_id",
    ENGINE_METRICS,
    "UNION ALL SELECT 'waiting:' || key, value::double precision FROM jsonb_each_text(waiting_by_reason)",
)
KINDS = (GPU, ENGINE)


def read_samples(kind: Kind) -> str:
    """Subject, metric, mean moment, minimum, average, maximum. Wants: step, since, until, subjects."""
    return f"""
WITH binned AS (
    SELECT *, date_bin(%(step)s, taken_at, 'epoch') AS bin FROM {kind.samples}
    WHERE taken_at >= %(since)s AND taken_at <= %(until)s AND {kind.subject} = ANY(%(subjects)s)
), totals AS (
    SELECT {kind.subject}, bin, count(*) AS readings, to_timestamp(avg(extract(epoch FROM taken_at))) AS moment
    FROM binned GROUP BY 1, 2
)
SELECT {kind.subject}, metric, moment,
    CASE WHEN metric LIKE 'clock:%%' THEN (count(*) = readings)::int ELSE min(value) END,
    CASE WHEN metric LIKE 'clock:%%' THEN count(*)::double precision / readings ELSE avg(value) END,
    max(value)
FROM binned JOIN totals USING ({kind.subject}, bin) CROSS JOIN LATERAL ({kind.pairs}) AS opened
WHERE value IS NOT NULL
GROUP BY {kind.subject}, metric, bin, moment, readings
ORDER BY 1, 2, 3
"""  # noqa: S608 - constants


def read_rollups(kind: Kind) -> str:
    """The same from hours. An hour stands at its middle."""
    return f"""
WITH binned AS (
    SELECT *, date_bin(%(step)s, hour, 'epoch') AS bin FROM {kind.rollups}
    WHERE hour >= %(since)s AND hour <= %(until)s AND {kind.subject} = ANY(%(subjects)s)
), totals AS (
    SELECT {kind.subject}, bin, sum(samples) AS readings,
        to_timestamp(avg(extract(epoch FROM hour))) + interval '30 minutes' AS moment
    FROM binned WHERE metric = '{READINGS}' GROUP BY 1, 2
)
SELECT {kind.subject}, metric, moment, min(minimum),
    sum(average * samples) / CASE WHEN metric LIKE 'clock:%%' THEN readings ELSE sum(samples) END,
    max(maximum)
FROM binned JOIN totals USING ({kind.subject}, bin)
GROUP BY {kind.subject}, metric, bin, moment, readings
ORDER BY 1, 2, 3
"""  # noqa: S608 - constants


def roll_up(kind: Kind) -> str:
    """Write each hour from ``since`` to ``until`` anew, in order of the key, so that two at once do not deadlock.

    A share's ``samples`` are all readings of its hour, so that hours can be summed.
    """
    return f"""
WITH binned AS (
    SELECT *, date_bin('1 hour', taken_at, 'epoch') AS hour FROM {kind.samples}
    WHERE taken_at >= %(since)s AND taken_at < %(until)s
), totals AS (
    SELECT {kind.subject}, hour, count(*) AS readings FROM binned GROUP BY 1, 2
)
INSERT INTO {kind.rollups} ({kind.subject}, metric, hour, samples, minimum, average, maximum, last)
SELECT {kind.subject}, metric, hour,
    CASE WHEN metric LIKE 'clock:%%' THEN readings ELSE count(*) END,
    CASE WHEN metric LIKE 'clock:%%' THEN (count(*) = readings)::int ELSE min(value) END,
    CASE WHEN metric LIKE 'clock:%%' THEN count(*)::double precision / readings ELSE avg(value) END,
    max(value),
    (array_agg(value ORDER BY taken_at DESC))[1]
FROM binned JOIN totals USING ({kind.subject}, hour) CROSS JOIN LATERAL ({kind.pairs}) AS opened
WHERE value IS NOT NULL
GROUP BY {kind.subject}, metric, hour, readings
ORDER BY {kind.subject}, metric, hour
ON CONFLICT ({kind.subject}, metric, hour) DO UPDATE SET samples = excluded.samples, minimum = excluded.minimum,
    average = excluded.average, maximum = excluded.maximum, last = excluded.last
"""  # noqa: S608 - constants
