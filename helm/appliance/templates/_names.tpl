{{- define "appliance.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of what belongs to one place: (dict "root" $ "place" "engine" "model" "qwen") */}}
{{- define "appliance.name" -}}
{{- $name := printf "%s-%s" (include "appliance.fullname" .root) .place -}}
{{- with .model }}{{ $name = printf "%s-%s" $name (include "appliance.slug" .) }}{{ end -}}
{{- if gt (len $name) 63 }}{{ fail (printf "%s is longer than the 63 characters that a Service's name may have: choose a shorter name for the release, or for the model." $name) }}{{ end -}}
{{- $name -}}
{{- end -}}

{{/* A model's name as objects may carry it. */}}
{{- define "appliance.slug" -}}
{{- regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trimAll "-" -}}
{{- end -}}

{{- define "appliance.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .place }}
{{- with .model }}
appliance/model: {{ include "appliance.slug" . }}
{{- end }}
{{- end -}}

{{/* What finds the Pods of a place. CloudNativePG labels its own. */}}
{{- define "appliance.podSelector" -}}
{{- if eq .place "postgres" -}}
cnpg.io/cluster: {{ include "appliance.name" . }}
{{- else -}}
{{ include "appliance.selector" . }}
{{- end -}}
{{- end -}}

{{- define "appliance.labels" -}}
{{ include "appliance.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* (dict "root" $ "image" "webapp"): the reference, by digest if there is one. */}}
{{- define "appliance.image" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $image := index .root.Values.images .image -}}
{{- $name := dig .image $image.name $topology.images -}}
{{- if $image.digest -}}
{{- printf "%s/%s@%s" .root.Values.images.registry $name $image.digest -}}
{{- else -}}
{{- printf "%s/%s:%s" .root.Values.images.registry $name (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The model that answers, or nothing. */}}
{{- define "appliance.answeringModel" -}}
{{- if .Values.models -}}
{{- $names := list -}}
{{- range .Values.models }}{{ if eq (default "generation" .purpose) "generation" }}{{ $names = append $names .name }}{{ end }}{{ end -}}
{{- range .Values.models }}{{ range $name, $_ := dig "engine" "adapters" dict . }}{{ $names = append $names $name }}{{ end }}{{ end -}}
{{- $name := default (first $names) .Values.answeringModel -}}
{{- if and $name (not (has $name $names)) }}{{ fail (printf "answeringModel: %s is not one of the models that generate: %s" $name (join ", " $names)) }}{{ end -}}
{{- $name -}}
{{- else if .Values.answeringModel -}}
{{- fail "answeringModel names a model, and models is empty." -}}
{{- end -}}
{{- end -}}
