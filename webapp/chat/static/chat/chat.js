// The staff interface's entry point: each part looks after its own elements.
import "./composer.js";
import "./answer-stream.js";
import "./sources.js";
import "./upload.js";
