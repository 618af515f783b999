"""What `sluice sim validate` says, in English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "start": "{cases} cases, {metrics} metrics in the file; {budget} each on {processes} processes, seed {seed}",
        "cpu": "{seconds:g} CPU seconds",
        "contacts": "{contacts:,} contacts",
        "passed": "passed",
        "failed": "FAILED",
        "case": "{verdict}  {id} ({kind}): {metrics} metrics, {contacts:,} contacts, {cpu_s:.1f} CPU s{left}",
        "left": "; about {seconds:.0f} s left",
        "refused": "        {reason}",
        "metric": "        {metric}: {value} ± {half_width} (at most {limit}), exact {exact}, p {p}: {why}",
        "formula_only": "        {metric}: {formula} by formula, exact {exact}: {why}",
        "why.no_road": "no formula and no simulation gives this metric",
        "why.formula": "the formula disagrees with the file",
        "why.deviates": "the simulation deviates by more than chance would",
        "why.wide": "the interval is too wide: give it more time (--budget)",
        "why.too_short": "the run has seen nothing of it: give it more time (--budget)",
        "why.far": "further than {close:g} from a near-certain value",
        "skipped": "skipped  {id}: kind {kind} is not known",
        "end": "{cases} cases: {passed} passed, {failed} failed, {skipped} skipped",
        "no_case": 'the file has no case "{id}"; it has {known}',
    },
    "zh": {
        "start": "{cases} 个算例，文件共 {metrics} 个指标；每个算例 {budget}，{processes} 个进程，随机种子 {seed}",
        "cpu": "{seconds:g} CPU 秒",
        "contacts": "{contacts:,} 个会话",
        "passed": "通过",
        "failed": "未通过",
        "case": "{verdict}  {id}（{kind}）：{metrics} 个指标，{contacts:,} 个会话，{cpu_s:.1f} CPU 秒{left}",
        "left": "；约剩 {seconds:.0f} 秒",
        "refused": "        {reason}",
        "metric": "        {metric}：{value} ± {half_width}（上限 {limit}），精确值 {exact}，p {p}：{why}",
        "formula_only": "        {metric}：公式给出 {formula}，精确值 {exact}：{why}",
        "why.no_road": "没有公式、也没有仿真能给出该指标",
        "why.formula": "公式与文件中的值不一致",
        "why.deviates": "仿真的偏差超出随机误差",
        "why.wide": "置信区间过宽：请增加时间（--budget）",
        "why.too_short": "运行太短，没有观察到：请增加时间（--budget）",
        "why.far": "与近乎确定的值相差超过 {close:g}",
        "skipped": "跳过  {id}：未知的类型 {kind}",
        "end": "{cases} 个算例：通过 {passed}，未通过 {failed}，跳过 {skipped}",
        "no_case": "文件中没有算例“{id}”；有 {known}",
    },
}


def texts_in(language: str) -> dict[str, str]:
    """Chinese for any ``zh``, else English."""
    return TEXTS["zh" if language.lower().startswith("zh") else "en"]
