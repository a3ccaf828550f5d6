{{/* (dict "root" $ "place" "web"): the Pods of one place, as a peer. */}}
{{- define "appliance.podPeer" -}}
- podSelector:
    matchLabels:
      {{- include "appliance.podSelector" . | nindent 6 }}
{{- end -}}

{{/* Somebody outside the chart: a value with namespaceLabels, podLabels and cidrs. */}}
{{- define "appliance.outsidePeer" -}}
{{- if or .namespaceLabels .podLabels }}
- {{- if .namespaceLabels }}
  namespaceSelector:
    matchLabels:
      {{- toYaml .namespaceLabels | nindent 6 }}
  {{- end }}
  {{- if .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml .podLabels | nindent 6 }}
  {{- end }}
{{- end }}
{{- range .cidrs }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end -}}

{{/*
The peers that a component of the topology stands for: (dict "root" $ "component" "worker"). Nothing where this
installation has none of it, and then the flow has no rule.
*/}}
{{- define "appliance.peersOf" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $values := .root.Values -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $present := include "appliance.places" .root | fromJsonArray -}}
{{- if and (eq $component "postgres") (eq $values.database.mode "external") -}}
{{- range $values.database.external.cidrs }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- else if eq $component "postgres" -}}
{{- include "appliance.podPeer" (dict "root" $root "place" "postgres") }}
{{- else if and (eq $component "redis") (eq $values.redis.mode "external") -}}
{{- range $values.redis.external.cidrs }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- else if eq $component "ingress" -}}
{{- include "appliance.outsidePeer" $values.peers.ingressController }}
{{- else if eq $component "resolver" -}}
{{- include "appliance.outsidePeer" $values.peers.resolver }}
{{- else if eq $component "monitoring" -}}
{{- if $values.monitoring.enabled }}{{ include "appliance.outsidePeer" $values.peers.monitoring }}{{ end }}
{{- else if eq $component "destinations" -}}
{{- range $values.egress.cidrs }}
- ipBlock:
    cidr: {{ . | quote }}
    {{- if eq . "0.0.0.0/0" }}
    # Where clouds answer a machine's questions about itself, its credentials among them.
    except: ["169.254.0.0/16"]
    {{- end }}
{{- end }}
{{- else -}}
{{- range (index $topology.components $component).places }}
{{- if has . $present }}
{{ include "appliance.podPeer" (dict "root" $root "place" .) }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* The ports of a component that the network sees: (dict "root" $ "component" "engine-proxy") */}}
{{- define "appliance.portsOf" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $values := .root.Values -}}
{{- $component := .component -}}
{{- if eq $component "destinations" }}
{{- $numbers := list }}
{{- range $values.egress.allow }}{{ $numbers = append $numbers (splitList ":" . | last) | uniq }}{{ end }}
{{- range $numbers }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- else }}
{{- $number := 0 }}
{{- if and (eq $component "postgres") (eq $values.database.mode "external") }}{{ $number = default 0 $values.database.external.port | int }}{{ end }}
{{- if and (eq $component "redis") (eq $values.redis.mode "external") }}{{ $number = default 0 $values.redis.external.port | int }}{{ end }}
{{- range index $topology.ports $component }}
{{- if not .local }}
- {port: {{ default (int .number) $number }}, protocol: {{ .transport }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
