{{/* (dict "root" $ "side" "server"): the Secret with that side's certificate, its key and the CA's certificate. */}}
{{- define "appliance.tlsSecret" -}}
{{- if eq .root.Values.internalTls.mode "existing" -}}
{{- index .root.Values.internalTls.existing (printf "%sSecret" .side) -}}
{{- else -}}
{{- printf "%s-%s-tls" (include "appliance.fullname" .root) .side -}}
{{- end -}}
{{- end -}}

{{/* The one name that every proxy's certificate carries beside its Service's. */}}
{{- define "appliance.proxyServerName" -}}
{{- include "appliance.name" (dict "root" . "place" "engine-proxy") -}}
{{- end -}}

{{/* As JSON, the names that the server's certificate has to carry: the embedder's and each model's Service. */}}
{{- define "appliance.proxyNames" -}}
{{- $root := . -}}
{{- $services := list (include "appliance.name" (dict "root" . "place" "embedder")) -}}
{{- range .Values.models -}}
{{- $services = append $services (include "appliance.name" (dict "root" $root "place" "engine" "model" .name)) -}}
{{- end -}}
{{- $names := list (include "appliance.proxyServerName" .) -}}
{{- range $services -}}
{{- $names = concat $names (list . (printf "%s.%s.svc" . $root.Release.Namespace)) -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Where one model is reached. */}}
{{- define "appliance.modelUrl" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $port := first (index $topology.ports "engine-proxy") -}}
{{- printf "%s://%s:%d" $port.scheme (include "appliance.name" .) (int $port.number) -}}
{{- end -}}
