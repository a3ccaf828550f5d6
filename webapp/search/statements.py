"""SQL that makes and feeds an index: pure functions from a SearchIndex to statements.

Rows are kept by statement triggers with transition tables, so that any writer, in Python or in SQL, feeds the index in
the transaction that changes the row. The rows' table is narrow on purpose: text or a wide vector in it would be moved
out of line and slow every scan. Its weights are final except for the inverse document frequency, which the query
brings.

Statistics are written without contention: every statement appends one row of differences, folded later. Readers add the
folded totals and the differences, so they see their own transaction's state exactly.
"""

from webapp.search.types import SearchIndex

K1 = 1.5
B = 0.75
DIMENSIONS = 2**29
LONGEST_TEXT = 100_000  # characters of a row that are indexed: rows are passages, not books
MOST_TERMS = 16_000  # pgvector's bound on the entries of a sparse vector

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS search;

-- English stems; a hyphenated word counts as its parts only, not once more as a whole.
CREATE TEXT SEARCH CONFIGURATION search.english (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION search.english DROP MAPPING FOR hword, asciihword, numhword;

-- The same on every version and machine, unlike hashtext().
CREATE FUNCTION search.dimension(lexeme text) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || substr(md5(lexeme), 1, 8))::bit(32)::bit(29)::int + 1;

CREATE FUNCTION search.scope_lexeme(scope text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 's' || md5(scope);

CREATE FUNCTION search.dimensions(weights sparsevec) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN string_to_array(
    regexp_replace(split_part(weights::text, '/', 1), '[{}]|:[^,}]*', '', 'g'), ','
);

-- What the inverted index holds: the hashed lexemes and the scope as one more, so that permission is inside the index.
CREATE FUNCTION search.lexemes(weights sparsevec, scope text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(array_remove(search.dimensions(weights), '') || search.scope_lexeme(scope));
"""

DROP_SCHEMA = "DROP SCHEMA search CASCADE;"

CLEARING = "TRUNCATE {rows}, {terms}, {deltas}; UPDATE {totals} SET rows = 0, length = 0;"


def build_creation(index: SearchIndex) -> list[str]:
    """Statements that create the index's tables, functions and triggers, and index the rows there are."""
    names = index.names
    statements = [
        """CREATE TABLE {rows} (
            key {key_type} PRIMARY KEY, scope {scope_type} NOT NULL, length int NOT NULL,
            weights sparsevec({dimensions}) NOT NULL
        )""",
        "ALTER TABLE {rows} ALTER COLUMN weights SET STORAGE MAIN",
        "CREATE INDEX {name}_scope ON {rows} (scope)",
        """CREATE INDEX {name}_lexemes ON {rows} USING gin (search.lexemes(weights, scope::text))
            WITH (gin_pending_list_limit = 1024)""",
        "CREATE TABLE {terms} (term int PRIMARY KEY, rows bigint NOT NULL) WITH (fillfactor = 80)",
        """CREATE TABLE {totals} (one bool PRIMARY KEY DEFAULT true CHECK (one), rows bigint NOT NULL,
            length bigint NOT NULL)""",
        "INSERT INTO {totals} (rows, length) VALUES (0, 0)",
        """CREATE TABLE {deltas} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, rows bigint NOT NULL,
            length bigint NOT NULL, terms int[] NOT NULL, counts int[] NOT NULL)""",
        _build_function(index, "insert", build_insertion(index, "new_rows")),
        _build_function(index, "delete", build_deletion(index, "old_rows")),
        _build_function(index, "update", _build_update(index)),
        _build_function(index, "truncate", _fill(CLEARING, names)),
        """CREATE TRIGGER {name}_search_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION search.{name}_insert()""",
        """CREATE TRIGGER {name}_search_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
            FOR EACH STATEMENT EXECUTE FUNCTION search.{name}_delete()""",
        """CREATE TRIGGER {name}_search_update AFTER UPDATE ON {table}
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION search.{name}_update()""",
        """CREATE TRIGGER {name}_search_truncate AFTER TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION search.{name}_truncate()""",
    ]
    if index.vector:
        # Inline, or an exact scan fetches every vector from the out-of-line table.
        statements.append("ALTER TABLE {table} ALTER COLUMN {vector} SET STORAGE PLAIN")
        statements.append("CREATE INDEX {name}_nearest ON {table} USING hnsw ({vector} vector_cosine_ops)")
    statements = [statement if "$body$" in statement else _fill(statement, names) for statement in statements]
    return [*statements, build_insertion(index, names["table"])]


def build_removal(index: SearchIndex) -> list[str]:
    """Statements that undo ``build_creation``; the indexed table stays."""
    names = index.names
    verbs = ("insert", "delete", "update", "truncate")
    statements = [f"DROP TRIGGER IF EXISTS {{name}}_search_{verb} ON {{table}}" for verb in verbs]
    statements += [f"DROP FUNCTION IF EXISTS search.{{name}}_{verb}()" for verb in verbs]
    statements.append("DROP TABLE IF EXISTS {rows}, {terms}, {totals}, {deltas}")
    if index.vector:
        statements.append("DROP INDEX IF EXISTS {name}_nearest")
    return [_fill(statement, names) for statement in statements]


def build_rebuild(index: SearchIndex) -> list[str]:
    """Index every row again with today's average length, while writers wait."""
    names = index.names
    return [
        _fill("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE", names),
        _fill(CLEARING, names),
        build_insertion(index, names["table"]),
    ]


def build_insertion(index: SearchIndex, source: str) -> str:
    """Index the rows of ``source``. A weight is tf / (tf + k1 (1 - b + b length / average)), which is BM25's term
    frequency factor (Robertson and Zaragoza 2009) without the constant (k1 + 1). The average counts these rows too."""
    template = """
    WITH texts AS (
        SELECT r.{key} AS key, r.{scope} AS scope,
               to_tsvector({configuration}, left({text}, {longest})) AS vector
        FROM {source} r
    ), tokens AS (
        SELECT t.key, search.dimension(u.lexeme) AS term, sum(cardinality(u.positions))::int AS tf
        FROM texts t CROSS JOIN LATERAL unnest(t.vector) u
        GROUP BY 1, 2
    ), kept AS (
        SELECT key, term, tf FROM (
            SELECT *, row_number() OVER (PARTITION BY key ORDER BY tf DESC, term) AS place FROM tokens
        ) ranked WHERE place <= {most}
    ), lengths AS (
        SELECT t.key, t.scope, coalesce(sum(k.tf), 0)::int AS length
        FROM texts t LEFT JOIN kept k ON k.key = t.key GROUP BY t.key, t.scope
    ), own AS (
        SELECT count(*) AS rows, coalesce(sum(length), 0) AS length FROM lengths
    ), average AS (
        SELECT greatest(1, sum(length) / greatest(1, sum(rows)))::float8 AS length FROM (
            SELECT rows, length FROM {totals} UNION ALL SELECT rows, length FROM {deltas} UNION ALL SELECT * FROM own
        ) parts
    ), vectors AS (
        SELECT k.key, string_agg(
            k.term || ':' || (k.tf / (k.tf + {k1} * (1 - {b} + {b} * l.length / a.length)))::real, ','
            ORDER BY k.term
        ) AS entries
        FROM kept k JOIN lengths l ON l.key = k.key CROSS JOIN average a
        GROUP BY k.key
    ), written AS (
        INSERT INTO {rows} (key, scope, length, weights)
        SELECT l.key, l.scope, l.length, ('{{' || coalesce(v.entries, '') || '}}/{dimensions}')::sparsevec
        FROM lengths l LEFT JOIN vectors v ON v.key = l.key
        RETURNING 1
    ), counted AS (
        SELECT term, count(*)::int AS rows FROM kept GROUP BY term ORDER BY term
    )
    INSERT INTO {deltas} (rows, length, terms, counts)
    SELECT own.rows, own.length,
           coalesce((SELECT array_agg(term ORDER BY term) FROM counted), '{{}}'),
           coalesce((SELECT array_agg(rows ORDER BY term) FROM counted), '{{}}')
    FROM own WHERE own.rows > 0;
    """
    return _fill(template, {**index.names, "source": source})


def build_deletion(index: SearchIndex, source: str) -> str:
    """Take the rows of ``source`` out, with their part of the statistics."""
    template = """
    WITH gone AS (
        DELETE FROM {rows} WHERE key IN (SELECT r.{key} FROM {source} r) RETURNING key, length, weights
    ), counted AS (
        SELECT term::int AS term, -count(*)::int AS rows
        FROM gone CROSS JOIN LATERAL unnest(array_remove(search.dimensions(gone.weights), '')) AS term
        GROUP BY 1
    )
    INSERT INTO {deltas} (rows, length, terms, counts)
    SELECT -count(*), -sum(length),
           coalesce((SELECT array_agg(term ORDER BY term) FROM counted), '{{}}'),
           coalesce((SELECT array_agg(rows ORDER BY term) FROM counted), '{{}}')
    FROM gone HAVING count(*) > 0;
    """
    return _fill(template, {**index.names, "source": source})


def build_fold(index: SearchIndex) -> list[str]:
    """Add the differences to the totals. Differences that others commit meanwhile stay for the next time."""
    fold = """
    WITH gone AS (DELETE FROM {deltas} RETURNING rows, length, terms, counts),
    changes AS (
        SELECT u.term, sum(u.rows)::bigint AS rows
        FROM gone CROSS JOIN LATERAL unnest(gone.terms, gone.counts) AS u(term, rows)
        GROUP BY u.term
    ), merged AS (
        INSERT INTO {terms} AS t (term, rows) SELECT term, rows FROM changes WHERE rows <> 0 ORDER BY term
        ON CONFLICT (term) DO UPDATE SET rows = t.rows + excluded.rows
    )
    UPDATE {totals} SET rows = {totals}.rows + s.rows, length = {totals}.length + s.length
    FROM (SELECT sum(rows) AS rows, sum(length) AS length FROM gone HAVING count(*) > 0) s
    """
    return [_fill(fold, index.names), _fill("DELETE FROM {terms} WHERE rows = 0", index.names)]


def _build_update(index: SearchIndex) -> str:
    """Rows whose key, scope or text changed leave the index and enter it again; other updates cost a comparison."""
    image = "SELECT r.{key} AS key, r.{scope} AS scope, {text} AS text FROM {images} r"
    before = _fill(image, {**index.names, "images": "old_rows"})
    after = _fill(image, {**index.names, "images": "new_rows"})
    chosen = "(SELECT r.* FROM {images} r WHERE r.{key} = ANY({keys}))"
    removed = _fill(chosen, {**index.names, "images": "old_rows", "keys": "removed"})
    added = _fill(chosen, {**index.names, "images": "new_rows", "keys": "added"})
    return f"""
    SELECT array_agg(key) INTO removed FROM ({before} EXCEPT {after}) vanished;
    SELECT array_agg(key) INTO added FROM ({after} EXCEPT {before}) appeared;
    IF removed IS NOT NULL THEN {build_deletion(index, removed)} END IF;
    IF added IS NOT NULL THEN {build_insertion(index, added)} END IF;
    """  # noqa: S608 - names from a SearchIndex only


def _build_function(index: SearchIndex, verb: str, body: str) -> str:
    header = """CREATE FUNCTION search.{name}_{verb}() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
    DECLARE removed {key_type}[]; added {key_type}[];
    BEGIN """
    return _fill(header, {**index.names, "verb": verb}) + body + " RETURN NULL; END $body$"


def _fill(template: str, names: dict[str, str]) -> str:
    constants = {"dimensions": DIMENSIONS, "longest": LONGEST_TEXT, "most": MOST_TERMS, "k1": K1, "b": B}
    return template.format(**names, **constants)
