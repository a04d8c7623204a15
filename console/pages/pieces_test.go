package pages

// all is a page with each piece, in the form that templates use it.
const all = `{{define "content"}}
<div class="head"><div><p class="crumbs"><a href="/">Fleet</a> / payments</p><h1>{{.Title}}</h1>
<p class="lead">All that pages are made of, to be looked at.</p></div>
<p class="actions"><a class="button first" href="/">New secret</a> <a class="button" href="/">Change</a>
<button disabled title="Only operators may do this">Retire</button></p></div>
{{template "steps" dict "Steps" .Body.Steps "At" 2}}
{{template "problem" dict "What" "payments is held on 3 clusters" "Where" "placements/payments.yaml"
  "Do" "Merge the consent, or wait for the window" "Tone" "warn" "Link" "/" "LinkText" "Show the clusters"}}
{{template "problem" dict "What" "prod-eu does not answer" "Where" "since 14:02" "Do" "Look at its controller's log"}}
<h2>States</h2><p class="row">{{range .Body.States}}{{state .}} {{end}}</p>
<h2>Clusters</h2>
<form class="filter" action="/" data-follow><p><label for="q">Name</label><input id="q" name="q" placeholder="shop-*"></p>
<p><label for="s">State</label><select id="s" name="s"><option>Any</option><option>In use</option></select></p>
<button>Show</button></form>
<div class="scroll" tabindex="0" role="region" aria-label="Clusters"><table><thead><tr><th scope="col">Cluster</th><th scope="col">State</th>
<th scope="col">Commit</th><th scope="col" class="number">Secrets</th><th scope="col">Delivered</th></tr></thead><tbody>
<tr><th scope="row"><a href="/">prod-eu</a></th><td>{{state "In use"}}</td><td>{{template "commit" dict "Commit" "3f2a9c41d7e8" "At" $.Body.When}}</td><td class="number">{{number 1204}}</td><td>{{template "bar" dict "Done" 3 "All" 40 "Of" "cluster"}}</td></tr>
<tr><th scope="row"><a href="/">prod-us</a></th><td>{{state "Configured"}}</td><td>{{template "commit" dict "Commit" "aa2a9c41d7e8" "At" $.Body.When}}</td><td class="number">7</td><td>{{template "bar" dict "Done" 40 "All" 40 "Of" "cluster"}}</td></tr>
</tbody></table></div>
{{template "pager" dict "From" 1 "To" 50 "All" 3000 "Of" "cluster" "After" "/?page=2"}}
<div class="grid"><section class="panel"><h2>Facts</h2><dl class="terms"><div><dt>Application</dt><dd>payments</dd></div>
<div><dt title="ClusterSet">Cluster set</dt><dd>retail</dd></div></dl></section>
<section class="panel">{{template "chart" .Body.Chart}}</section><section class="panel">{{template "chart" .Body.None}}</section>
<section class="panel"><dl class="figures"><div><dd>3,000</dd><dt>clusters</dt></div><div><dd>200</dd><dt>applications</dt></div></dl></section></div>
<details class="fold"><summary>2,998 clusters alike</summary><ul class="names"><li>shop-0001</li><li>shop-0002</li></ul></details>
<h2>A form</h2><form action="/"><p class="field"><label for="n">Name of the secret</label><input id="n" name="n" required>
<span class="help">As Kubernetes has it: small letters, digits, dashes.</span></p>
<fieldset><legend>How pods get it</legend><p class="choice"><input type="radio" name="as" id="e" checked><label for="e">Environment variables</label></p>
<p class="choice"><input type="radio" name="as" id="v"><label for="v">Files in memory (a volume)</label></p></fieldset>
<p class="field"><label for="x">Value</label><textarea id="x" rows="3"></textarea></p><p class="actions"><button class="first">Go on</button></p></form>
<pre tabindex="0"><code>apiVersion: bulla.dev/v1alpha1 # a line that is long enough to need more room than a small screen has for it</code></pre>
{{template "empty" dict "What" "No requests" "Do" "What you propose is shown here." "Link" "/" "LinkText" "New secret"}}
{{end}}`
