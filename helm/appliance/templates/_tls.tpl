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

{{/* As JSON, the sides of the way to the models and the names that their certificates carry, the first one as subject. */}}
{{- define "appliance.tlsSides" -}}
{{- $fullname := include "appliance.fullname" . -}}
{{- $sides := dict
  "server" (include "appliance.proxyNames" . | fromJsonArray)
  "client" (list (printf "%s-application" $fullname)) -}}
{{- if .Values.monitoring.enabled }}{{ $_ := set $sides "monitoring" (list (printf "%s-monitoring" $fullname)) }}{{ end -}}
{{- toJson $sides -}}
{{- end -}}

{{- define "appliance.authoritySecret" -}}
{{- printf "%s-internal-ca" (include "appliance.fullname" .) -}}
{{- end -}}

{{/*
The chart's own authority and certificates, as JSON: what the cluster has already, else new. A certificate is signed
again when its names change, when its authority is new, or a year after the last time; processes take up a renewed one
while they run.
*/}}
{{- define "appliance.generatedTls" -}}
{{- $root := . -}}
{{- $now := now | unixEpoch | int64 -}}
{{- $known := lookup "v1" "Secret" .Release.Namespace (include "appliance.authoritySecret" .) -}}
{{- $authority := dict -}}
{{- if $known -}}
{{- $authority = buildCustomCert (index $known.data "tls.crt") (index $known.data "tls.key") -}}
{{- else -}}
{{- $authority = genCA (printf "%s internal" (include "appliance.fullname" .)) 3650 -}}
{{- end -}}
{{- $certificates := dict -}}
{{- range $side, $names := include "appliance.tlsSides" . | fromJson -}}
{{- $signedFor := join "," $names -}}
{{- $before := lookup "v1" "Secret" $root.Release.Namespace (include "appliance.tlsSecret" (dict "root" $root "side" $side)) -}}
{{- $annotations := default dict (dig "metadata" "annotations" dict $before) -}}
{{- $signedAt := default "0" (get $annotations "appliance/signed-at") -}}
{{- if and $known $before (eq (get $annotations "appliance/signed-for") $signedFor) (lt (sub $now (int64 $signedAt)) 31536000) -}}
{{- $_ := set $certificates $side (dict "certificate" (index $before.data "tls.crt") "key" (index $before.data "tls.key") "signedFor" $signedFor "signedAt" $signedAt) -}}
{{- else -}}
{{- $signed := genSignedCert (first $names) nil $names 1825 $authority -}}
{{- $_ := set $certificates $side (dict "certificate" (b64enc $signed.Cert) "key" (b64enc $signed.Key) "signedFor" $signedFor "signedAt" (toString $now)) -}}
{{- end -}}
{{- end -}}
{{- toJson (dict "authority" (dict "certificate" (b64enc $authority.Cert) "key" (b64enc $authority.Key)) "sides" $certificates) -}}
{{- end -}}
