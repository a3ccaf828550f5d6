{{/* appliance.yaml: what the topology fixes, with this installation's values over it. */}}
{{- define "appliance.settings" -}}
{{- $topology := .Files.Get "files/topology.json" | fromJson -}}
{{- $values := .Values -}}
{{- $hosts := $values.web.allowedHosts -}}
{{- with $values.ingress.host }}{{ $hosts = append $hosts . | uniq }}{{ end -}}
{{- if not $hosts }}{{ fail "Name the host under which people reach the pages: ingress.host or web.allowedHosts." }}{{ end -}}
{{- $database := dict "name" $values.database.name "user" $values.database.user -}}
{{- if eq $values.database.mode "cloudnativepg" -}}
{{- $_ := set $database "host" (printf "%s-rw" (include "appliance.name" (dict "root" . "place" "postgres"))) -}}
{{- $_ := set $database "ca_file" $topology.paths.database_ca -}}
{{- else -}}
{{- $_ := set $database "host" $values.database.external.host -}}
{{- with $values.database.external.port }}{{ $_ := set $database "port" (int .) }}{{ end -}}
{{- if $values.database.external.allowPlaintext }}{{ $_ := set $database "allow_plaintext" true }}{{ end -}}
{{- if $values.database.external.caSecret.name }}{{ $_ := set $database "ca_file" $topology.paths.database_ca }}{{ end -}}
{{- end -}}
{{- $redis := dict "host" (include "appliance.name" (dict "root" . "place" "redis")) -}}
{{- if eq $values.redis.mode "external" -}}
{{- $_ := set $redis "host" $values.redis.external.host -}}
{{- with $values.redis.external.port }}{{ $_ := set $redis "port" (int .) }}{{ end -}}
{{- end -}}
{{- $ours := dict
  "site" (dict "name" $values.site.name "language" $values.site.language "time_zone" $values.site.timeZone)
  "web" (dict "allowed_hosts" $hosts "https" $values.web.https "trusted_proxies" $values.web.trustedProxies)
  "database" $database
  "redis" $redis
  "egress" (dict "allow" $values.egress.allow)
  "worker" (dict "concurrency" (int $values.worker.concurrency))
  "ingestion" (dict
    "concurrency" (int $values.ingester.concurrency)
    "max_upload_mib" (int $values.ingester.maxUploadMib)
    "parse_timeout_seconds" (int $values.ingester.parseTimeoutSeconds)
    "parse_memory_mib" (int $values.ingester.parseMemoryMib)) -}}
{{- mergeOverwrite $topology.settings $ours | toYaml -}}
{{- end -}}

{{/* (dict "root" $ "model" {...}): the same, with the model that one engine serves. */}}
{{- define "appliance.modelSettings" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $settings := include "appliance.settings" .root | fromYaml -}}
{{- $model := dict
  "path" (printf "%s/%s" $topology.paths.models .model.path)
  "name" .model.name
  "licence" .model.licence.id
  "device" (ternary "cuda" "cpu" (gt (int .model.gpus) 0)) -}}
{{- with .model.maxContextTokens }}{{ $_ := set $model "max_context_tokens" (int .) }}{{ end -}}
{{- if gt (int .model.gpus) 1 }}{{ $_ := set $model "tensor_parallel" (int .model.gpus) }}{{ end -}}
{{- with .model.kvCacheDtype }}{{ $_ := set $model "kv_cache_dtype" . }}{{ end -}}
{{- with .model.quantization }}{{ $_ := set $model "quantization" . }}{{ end -}}
{{- with .model.memoryFraction }}{{ $_ := set $model "memory_fraction" . }}{{ end -}}
{{- with .model.kvCacheGib }}{{ $_ := set $model "kv_cache_gib" . }}{{ end -}}
{{- $_ := set $model "drain_seconds" (int (default 60 .model.drainSeconds)) -}}
{{- with .model.startTimeoutSeconds }}{{ $_ := set $model "start_timeout_seconds" (int .) }}{{ end -}}
{{- /* As values.schema.json has them, which Helm can be told to skip. */}}
{{- $ours := list "path" "name" "licence" "hub_id" "revision" "device" "automatic" "port" "nodes" "require_signature" "signing_key_file" "start_timeout_seconds" -}}
{{- range $key, $value := .model.engine -}}
{{- if has $key $ours }}{{ fail (printf "models: engine.%s of %s is decided by the chart; say it in the model's own values." $key $.model.name) }}{{ end -}}
{{- if eq $key "adapters" -}}
{{- $folders := dict -}}
{{- range $name, $folder := $value }}{{ $_ := set $folders $name (printf "%s/%s" $topology.paths.models $folder) }}{{ end -}}
{{- $_ := set $model $key $folders -}}
{{- else if eq $key "speculative" -}}
{{- $guessing := deepCopy $value -}}
{{- with $guessing.draft -}}
{{- if ne (toString $guessing.licence) $.model.licence.id -}}
{{- fail (printf "models: say which licence the draft model of %s is under, as engine.speculative.licence. It has to be the one that was acknowledged for the model, %s." $.model.name $.model.licence.id) -}}
{{- end -}}
{{- $_ := set $guessing "draft" (printf "%s/%s" $topology.paths.models .) -}}
{{- end -}}
{{- $_ := unset $guessing "licence" -}}
{{- $_ := set $model $key $guessing -}}
{{- else if and (kindIs "float64" $value) (eq (float64 (int64 $value)) $value) -}}
{{- $_ := set $model $key (int64 $value) -}}
{{- else -}}
{{- $_ := set $model $key $value -}}
{{- end -}}
{{- end -}}
{{- $purpose := default "generation" .model.purpose -}}
{{- if eq $purpose "generation" -}}
{{- mergeOverwrite $settings (dict "model" $model) | toYaml -}}
{{- else -}}
{{- $further := mergeOverwrite $model (dict "purpose" $purpose "port" (int (index $topology.pooling $purpose).port)) -}}
{{- mergeOverwrite $settings (dict "further_models" (dict $purpose $further)) | toYaml -}}
{{- end -}}
{{- end -}}

{{/* (dict "argv" [...] "settings" {...}): a command as JSON, its ${key} filled in from the settings. */}}
{{- define "appliance.command" -}}
{{- $filled := list -}}
{{- $settings := .settings -}}
{{- range .argv -}}
{{- $argument := . -}}
{{- range regexFindAll "\\$\\{[a-z_.]+\\}" . -1 -}}
{{- $value := $settings -}}
{{- range splitList "." (. | trimPrefix "${" | trimSuffix "}") }}{{ $value = index $value . }}{{ end -}}
{{- if kindIs "slice" $value }}{{ $value = join "," $value }}{{ end -}}
{{- $argument = replace . (toString $value) $argument -}}
{{- end -}}
{{- $filled = append $filled $argument -}}
{{- end -}}
{{- toJson $filled -}}
{{- end -}}

{{/* The settings as the Pods' annotation, so that a change restarts them. */}}
{{- define "appliance.settingsChecksum" -}}
{{- if .model -}}
{{- include "appliance.modelSettings" . | sha256sum -}}
{{- else -}}
{{- include "appliance.settings" .root | sha256sum -}}
{{- end -}}
{{- end -}}
