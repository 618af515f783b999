"""What `sluice demo` says, in English and Chinese."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "{title} — {name}, {volume:,} contacts a day; from {at} to {until}, about {n:,} of them; {speed:g} × real time",
        "waits": "waits are scenario time, latencies are real milliseconds",
        "starting": "starting the engine with an empty store",
        "engine": "the engine is on {ws}, {msgpack} and {http}/metrics; look on from another terminal:\n"
        "sluice top --url {ws} --tenant {tenant}",
        "entering": "{agents} agents and {bots} bots connect over WebSocket and framed msgpack",
        "signed_on": "{signed_on} signed on after {took:.1f} s; the doors open at {at}",
        "draining": "{at}: nobody new comes in; those inside are served for up to {minutes:.0f} scenario minutes more",
        "line": "{at}  in {submitted}  waiting {waiting}  connected {connected}  answered {answered}  left {abandoned}  "
        "by bots {bot_contained}  reply ≤3 min {reply_rate}  {records}/s journal records  offers p99 {offer_p99} ms",
        "queue": "queue",
        "all": "all",
        "door": "(at the door)",
        "waiting": "waiting",
        "longest": "longest",
        "connected": "connected",
        "with_bot": "with bot",
        "answered": "answered",
        "abandoned": "left",
        "submitted": "came",
        "bot_contained": "by bots",
        "deflected": "deflected",
        "open": "open",
        "first_reply": "1st reply p50/p90",
        "mean_wait": "mean wait",
        "reply_rate": "≤3 min",
        "abandonment": "abandoned",
        "agents": "agents {signed_on} signed on, {available} available, {load} of {capacity} units in use",
        "rates": "{records}/s journal records, {events:,} events seen, offers p99 {offer_p99} ms, {cuts} connections cut",
        "summary": "Summary, {begin} to {end} (scenario time)",
        "by_person": "People: of {to_people} who wanted one, {replied} got a first reply (half within {p50}, nine in ten within "
        "{p90}): {answered} of these have ended, as in the table, and {talking} are still open; {abandoned} left ({silent} of "
        "them without a word); {gone} had left unnoticed before they were answered.",
        "by_bot": "Bots: talked to {talked}, settled {settled} ({share}) for good, first reply half within {p50}; the others "
        "were handed to people with intent, reason and transcript.",
        "mail": "Mail: {rounds} answers; counted apart from the chats above.",
        "staff": "Staff: {served} conversations by {agents} people; the busiest moments: {peak}; {declined} offers declined, "
        "{expired} ran out, {rescinded} taken back; {cuts} connections cut and made again.",
        "peak": "{n} had {units} at once",
        "longest_waits": "The longest waits, explained",
        "long_wait": "Contact {contact} ({queue}, {channel}): {waited} {until}",
        "until_answered": "until {agent} wrote the first word",
        "until_left": "until the customer left",
        "until_now": "and still waits",
        "checks": "Checks, from what the clients saw",
        "check_lost": "lost: {lost} of {acked} acknowledged contacts",
        "check_double": "with two agents at once: {double} of {holdings} assignments",
        "check_capacity": "over capacity: {over} of {agents} agents",
        "check_counts": "the engine's own counts agree: {counts}",
        "check_counts_others": "the engine's own counts hold ours and those of {others} contacts that others brought: {counts}",
        "check_counts_not": "the engine's own counts differ: {counts}",
        "check_journal": "journal verified: {records} records, hash chain unbroken",
        "check_journal_not": "the journal does not verify: {message}",
        "latency": "Latency (real ms): decision → agent p50 {offer_p50}, p99 {offer_p99}; accept → durable answer p50 {ack_p50}, "
        "p99 {ack_p99}",
        "honest": "At {speed:g} × this takes {share} of the shortest offer ({offer_s:g} s): within the 5 % that leave the waits above true.",
        "dishonest": "NOTE: at {speed:g} × this takes {share} of the shortest offer ({offer_s:g} s): offers last noticeably shorter "
        "than they would in real time, so waits and expiries above are too high. A lower --speed is nearer the truth.",
        "lagging": "NOTE: the actors themselves fell behind by up to {lag:.0f} real ms; a lower --speed is nearer the truth.",
        "hold": "The engine has started again on its journal, now in real time (Ctrl-C ends it); the agents stay at their desks and "
        "will answer you. Look around:",
        "hold_store": "the store: {store}",
        "predicting": "the twin plays the same {reps} times over, with other seeds",
        "predicted": "Predicted by the twin ({reps} runs) and measured; one more run lies within the interval with 95 % probability:",
        "beside": "  {name:<20} {predicted:>10} [{low:>10} … {high:>10}]   measured {measured:>10}  {mark}",
        "inside": "✓",
        "outside": "outside",
        "unsaid": "",
        "target": "{name} p99 {p99} ms, wanted at most {limit:g} ms ({n:,} measured)",
        "faults_left": "{n} faults and policy swaps of the scenario are left out, here and in the twin",
        "not_carried": "NOT CARRIED: {rate:.0f} contacts/s were asked for, and the actors fell {lag:.0f} real ms behind. What was measured is this machine's limit, not the scenario's; lower --speed, or --scale down.",
        "other_speed": "the engine's clock runs at {found:.1f} × real time, wanted {wanted:g} ×: start it with --clock-speed {wanted:g}",
        "stopped": "stopped; the store is kept: {store}",
        "failed": "the demo cannot go on: {error}",
    },
    "zh": {
        "title": "{title} — {name}，每天 {volume:,} 个会话；{at} 至 {until}，约 {n:,} 个；{speed:g} 倍速",
        "waits": "等待是场景时间，延迟是真实毫秒",
        "starting": "启动引擎（空的存储）",
        "engine": "引擎在 {ws}、{msgpack} 和 {http}/metrics；可在另一个终端观看：\n"
        "sluice top --url {ws} --tenant {tenant}",
        "entering": "{agents} 位客服和 {bots} 个机器人通过 WebSocket 和 msgpack 连接",
        "signed_on": "{signed_on} 位已签到，用时 {took:.1f} 秒；{at} 开门",
        "draining": "{at}：不再有新客户；店内客户最多再服务 {minutes:.0f} 分钟（场景时间）",
        "line": "{at}  进线 {submitted}  等待 {waiting}  接待中 {connected}  已答 {answered}  放弃 {abandoned}  "
        "机器人解决 {bot_contained}  3分钟回复率 {reply_rate}  日志 {records}/秒  派单 p99 {offer_p99} 毫秒",
        "queue": "队列",
        "all": "合计",
        "door": "（门口）",
        "waiting": "等待",
        "longest": "最久",
        "connected": "接待中",
        "with_bot": "机器人中",
        "answered": "已答",
        "abandoned": "放弃",
        "submitted": "进线",
        "bot_contained": "机器人",
        "deflected": "分流",
        "open": "进行中",
        "first_reply": "首回 p50 / p90",
        "mean_wait": "平均等待",
        "reply_rate": "3分钟回复率",
        "abandonment": "放弃率",
        "agents": "签到 {signed_on} 人，可接 {available} 人，占用 {load} / {capacity}",
        "rates": "日志 {records} 条/秒，见到事件 {events:,} 个，派单 p99 {offer_p99} 毫秒，断线 {cuts} 次",
        "summary": "汇总，{begin} 至 {end}（场景时间）",
        "by_person": "人工：{to_people} 位要人工，{replied} 位得到首次回复（一半在 {p50} 内，九成在 {p90} 内）：其中 {answered} 位已结束（即表中的数），"
        "{talking} 位仍在进行；{abandoned} 位放弃（其中 {silent} 位不辞而别）；{gone} 位在回复之前已悄悄离开。",
        "by_bot": "机器人：接待 {talked} 位，彻底解决 {settled} 位（{share}），首次回复一半在 {p50} 内；其余连同意图、原因和记录转给人工。",
        "mail": "邮件：{rounds} 次回复，不计入上面的聊天。",
        "staff": "客服：{agents} 人完成 {served} 次会话；最忙的时候：{peak}；拒单 {declined} 次，超时 {expired} 次，撤回 {rescinded} 次；"
        "断线 {cuts} 次并重连。",
        "peak": "{n} 人同时 {units} 个",
        "longest_waits": "最长的等待，逐条解释",
        "long_wait": "会话 {contact}（{queue}，{channel}）：{waited}，{until}",
        "until_answered": "直到 {agent} 首次回复",
        "until_left": "直到客户放弃",
        "until_now": "仍在等待",
        "checks": "检查（根据客户端所见）",
        "check_lost": "丢失：{acked} 个已确认会话中 {lost} 个",
        "check_double": "同时分给两人：{holdings} 次分配中 {double} 次",
        "check_capacity": "超出容量：{agents} 位客服中 {over} 位",
        "check_counts": "引擎自己的计数一致：{counts}",
        "check_counts_others": "引擎自己的计数包含我们的，以及别人带来的 {others} 个会话：{counts}",
        "check_counts_not": "引擎自己的计数不同：{counts}",
        "check_journal": "日志校验通过：{records} 条记录，哈希链完整",
        "check_journal_not": "日志校验未通过：{message}",
        "latency": "延迟（真实毫秒）：决定 → 客服 p50 {offer_p50}，p99 {offer_p99}；接受 → 落盘确认 p50 {ack_p50}，p99 {ack_p99}",
        "honest": "在 {speed:g} 倍速下占最短派单时限（{offer_s:g} 秒）的 {share}：在 5 % 以内，上面的等待可信。",
        "dishonest": "注意：在 {speed:g} 倍速下占最短派单时限（{offer_s:g} 秒）的 {share}：派单明显变短，上面的等待和超时偏高。请降低 --speed。",
        "lagging": "注意：演员自己最多落后 {lag:.0f} 真实毫秒，请降低 --speed。",
        "hold": "引擎在原来的日志上重新启动，从现在起不再加速（Ctrl-C 结束）；客服仍在线，会回复您。可以这样看看：",
        "hold_store": "存储：{store}",
        "predicting": "孪生以其他随机种子把同一场景演 {reps} 遍",
        "predicted": "孪生的预测（{reps} 次运行）与实测；再运行一次有 95 % 的可能落在区间内：",
        "beside": "  {name:<20} {predicted:>10} [{low:>10} … {high:>10}]   实测 {measured:>10}  {mark}",
        "inside": "✓",
        "outside": "在区间外",
        "unsaid": "",
        "target": "{name} p99 {p99} 毫秒，要求至多 {limit:g} 毫秒（共 {n:,} 次）",
        "faults_left": "场景中的 {n} 个故障和策略更换未演，孪生中亦然",
        "not_carried": "未能承载：要求每秒 {rate:.0f} 个会话，演员落后 {lag:.0f} 真实毫秒。测得的是这台机器的极限，而非场景的结果；请降低 --speed 或用 --scale 缩小。",
        "other_speed": "引擎时钟为 {found:.1f} 倍速，需要 {wanted:g} 倍：请以 --clock-speed {wanted:g} 启动",
        "stopped": "已停止；存储保留在：{store}",
        "failed": "演示无法继续：{error}",
    },
}


class Wording:
    """One language's texts, by a ``LANG`` value: Chinese for any ``zh``, else English."""

    def __init__(self, tag: str) -> None:
        self.language = "zh" if tag.lower().startswith("zh") else "en"
        self._texts = TEXTS[self.language]

    def __call__(self, key: str, **fields: object) -> str:
        return self._texts[key].format(**fields)


def span(ms: int) -> str:
    """A length of scenario time for a table: ``7 s``, ``2:05``, ``1:02:09``; a dash when there is none."""
    if ms < 0:
        return "–"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes}:{seconds:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def share(value: float) -> str:
    """A share in per cent; a dash when there is none (below 0)."""
    return "–" if value < 0 else f"{100 * value:.1f} %"
