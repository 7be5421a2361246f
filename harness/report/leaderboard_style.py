"""What the HTML page looks like, and how its tables are sorted: inline, because a page needs nothing beside it."""

from __future__ import annotations

from typing import Final

from harness.report.plots import LINES

_LIGHT_LINES: Final = ";".join(f"--line{place}:{colour}" for place, colour in enumerate(LINES))
_DARK_LINES: Final = ";".join(
    f"--line{place}:{colour}" for place, colour in enumerate(("#6db8ee", "#ff9b57", "#43c59e", "#e79ac4", "#d9b44a", "#a9a9ff"))
)

CSS: Final = f"""
.harness-board{{--ink:#1a1a1a;--faint:#5f5f5f;--rule:#d5d8dc;--band:#eef1f5;--paper:#ffffff;--link:#0b57a4;{_LIGHT_LINES};
  color:var(--ink);background:var(--paper);font:15px/1.5 system-ui,sans-serif;max-width:1240px;margin:0 auto;padding:16px 20px}}
@media (prefers-color-scheme:dark){{.harness-board{{--ink:#e8e8e8;--faint:#a8adb4;--rule:#3b4048;--band:#22262c;--paper:#15181c;
  --link:#7db7f0;{_DARK_LINES}}}}}
.harness-board h1{{font-size:1.7em;margin:.2em 0}}
.harness-board h2{{font-size:1.35em;margin:1.8em 0 .3em;border-bottom:2px solid var(--rule)}}
.harness-board h3{{font-size:1.08em;margin:1.6em 0 .4em}}
.harness-board a{{color:var(--link)}}
.harness-board nav a{{margin-right:1.2em}}
.harness-board p.strong{{font-weight:600}}
.harness-board ul{{margin:.4em 0;padding-left:1.3em;color:var(--faint)}}
.harness-board .scroll{{overflow-x:auto}}
.harness-board table{{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:.5em 0}}
.harness-board th,.harness-board td{{padding:3px 9px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}}
.harness-board .word{{text-align:left}}
.harness-board thead th{{border-bottom:2px solid var(--faint);vertical-align:bottom;color:var(--faint);font-weight:600}}
.harness-board thead button{{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}}
.harness-board tbody th{{font-weight:600}}
.harness-board tbody tr:hover{{background:var(--band)}}
.harness-board figure{{display:inline-block;vertical-align:top;margin:8px 18px 8px 0;max-width:100%;overflow-x:auto}}
.harness-board figcaption{{font-size:12.5px;color:var(--faint)}}
.harness-board svg{{max-width:100%;height:auto}}
@media screen and (max-width:760px){{.harness-board{{padding:12px}}.harness-board figure{{display:block;margin:8px 0}}
.harness-board svg{{max-width:none}}}}
@page harness-board{{size:landscape;margin:12mm}}
@media print{{.harness-board{{page:harness-board;max-width:none;
  padding:0;font-size:11px;--ink:#000;--faint:#444;--rule:#bbb;--band:#f2f2f2;
  --paper:#fff;{_LIGHT_LINES}}}
.harness-board table{{font-size:9px}}.harness-board th,.harness-board td{{padding:2px 6px}}
.harness-board .scroll,.harness-board figure{{overflow:visible}}
.harness-board nav{{display:none}}.harness-board figure,.harness-board tr{{break-inside:avoid}}
.harness-board svg,.harness-board td{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
""".strip()

SCRIPT: Final = """
document.querySelectorAll('.harness-board table').forEach(function(table){
  var body=table.tBodies[0],heads=table.tHead.rows[0].cells;
  Array.prototype.forEach.call(heads,function(head,place){
    var button=document.createElement('button');button.type='button';button.textContent=head.textContent;
    head.textContent='';head.appendChild(button);
    button.addEventListener('click',function(){
      var up=head.getAttribute('aria-sort')!=='ascending';
      Array.prototype.forEach.call(heads,function(other){other.removeAttribute('aria-sort')});
      head.setAttribute('aria-sort',up?'ascending':'descending');
      var rows=Array.prototype.slice.call(body.rows);
      rows.sort(function(a,b){
        var x=a.cells[place].textContent,y=b.cells[place].textContent,m=parseFloat(x),n=parseFloat(y);
        var order=isNaN(m)||isNaN(n)?(isNaN(m)?1:0)-(isNaN(n)?1:0)||x.localeCompare(y):m-n;
        return up?order:-order});
      rows.forEach(function(row){body.appendChild(row)})})})});
""".strip()
