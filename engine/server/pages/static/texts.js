// Every word that the pages say, in English and in Chinese. A name in braces is filled in.

import { element } from "./view.js";

const TEXTS = {
  "ai": ["AI", "AI"],
  "ai.title": ["Written by a bot, not by a person", "由机器人回复，非人工"],
  "automatic": ["automatic", "自动回复"],
  "erased": ["This message has been erased.", "此消息已被删除。"],
  "sending": ["sending …", "发送中…"],
  "language": ["中文", "English"],
  "who.customer": ["Customer", "客户"],
  "who.agent": ["Agent", "客服"],
  "who.bot": ["Assistant", "智能助手"],
  "who.system": ["System", "系统"],
  "state.connecting": ["Connecting …", "正在连接…"],
  "state.online": ["Connected", "已连接"],
  "state.offline": ["No connection. Trying again …", "连接中断，正在重连…"],
  "state.fenced": ["You went on in another window.", "您已在另一个窗口继续。"],
  "state.expired": ["Your access has expired. Please sign in again.", "登录已过期，请重新登录。"],
  "state.refused": ["Not let in: {why}", "无法登录：{why}"],
  "state.no_ws": ["This engine has no WebSocket listener (--ws): there is nothing to talk to.", "此引擎没有 WebSocket 监听（--ws），无法通话。"],
  "here": ["Continue here", "在此继续"],
  "token": ["Access token", "访问令牌"],
  "name": ["Name", "姓名"],
  "sign_in": ["Sign in", "登录"],
  "sign_out": ["Sign out", "退出登录"],
  "dev": ["Trial mode: no accounts", "试用模式：无账号"],
  "send": ["Send", "发送"],
  "write": ["Write a message", "输入消息"],
  "write.keys": ["Enter sends, Shift+Enter begins a new line", "Enter 发送，Shift+Enter 换行"],
  "too_long": ["Too long: {got} of {limit} bytes.", "内容过长：{got} 字节，上限 {limit}。"],
  "not_sent": ["Not sent ({why}): {text}", "未发送（{why}）：{text}"],
  "refusal": ["{message} ({code})", "{message}（{code}）"],
  "min": ["{n} min", "{n} 分钟"],
  "s": ["{n} s", "{n} 秒"],
  // --- the customer's page
  "customer.title": ["Write to us", "联系客服"],
  "customer.hello": ["Hello! What can we do for you?", "您好！请问有什么可以帮您？"],
  "customer.shop": ["Shop", "店铺"],
  "customer.topic": ["What is it about?", "咨询类型"],
  "customer.topic.none": ["Something else", "其他"],
  "customer.person": ["A person, please", "人工"],
  "customer.close": ["End", "结束"],
  "customer.queued": ["We have your message.", "已收到您的消息。"],
  "customer.bot": ["Our assistant answers first; you may ask for a person at any time.", "先由智能助手为您解答，您可随时转人工。"],
  "customer.person_asked": ["We are looking for a person for you.", "正在为您转接人工。"],
  "customer.waiting": ["Waiting for a person", "等待人工"],
  "customer.position": ["Place {position} in line", "排队第 {position} 位"],
  "customer.estimate": ["about {p50}, {p90} at most as a rule", "预计约 {p50}，一般不超过 {p90}"],
  "customer.connected": ["{who} is here.", "{who} 为您服务。"],
  "customer.connected.bot": ["Our assistant is here.", "智能助手为您服务。"],
  "customer.talking": ["You talk to {who}", "{who} 正在为您服务"],
  "customer.talking.bot": ["You talk to our assistant (AI)", "智能助手（AI）正在为您服务"],
  "customer.passed": ["You are passed on to a colleague.", "正在为您转接其他同事。"],
  "customer.requeued": ["You keep your place in line; somebody else will be with you.", "您的排队顺序保留，将由其他同事接待。"],
  "customer.idle": ["Are you still there?", "请问您还在吗？"],
  "customer.ended": ["This conversation is over. Write again to begin a new one.", "本次会话已结束。再次输入即可开始新的会话。"],
  "customer.anew": ["A new conversation", "新会话"],
  "customer.joined": ["Your open conversation goes on.", "继续您进行中的会话。"],
  "customer.deflected": ["We cannot take this just now.", "暂时无法接待。"],
  "customer.promised": ["You need not wait: we answer later.", "您无需等待，我们稍后回复。"],
  // --- the agent's page
  "agent.title": ["Agent's desk", "客服工作台"],
  "agent.profile": ["What you can do (trial mode defines you so)", "能力设置（试用模式下自动创建）"],
  "agent.pools": ["Pools", "资源池"],
  "agent.skills": ["Skills", "技能"],
  "agent.capacity": ["Conversations at once", "同时接待数"],
  "agent.state": ["State", "状态"],
  "agent.available": ["Available", "可接"],
  "agent.paused": ["Paused", "挂起"],
  "agent.not_ready": ["On a break", "小休"],
  "agent.finishing": ["Finishing", "收尾"],
  "agent.offline": ["Signed off", "离线"],
  "agent.lost": ["Connection lost", "失联"],
  "agent.offers": ["Offers", "派单"],
  "agent.conversations": ["Conversations", "会话"],
  "agent.nothing": ["Nothing here yet.", "暂无会话。"],
  "agent.choose": ["Choose a conversation.", "请选择会话。"],
  "agent.accept": ["Accept", "接受"],
  "agent.decline": ["Decline", "拒接"],
  "agent.waited": ["waited {length}", "已等 {length}"],
  "agent.left": ["{n} s left", "剩 {n} 秒"],
  "agent.transfer": ["Transfer", "转接"],
  "agent.transfer.to": ["Pass on to", "转给"],
  "agent.transfer.agent": ["or to a colleague (id)", "或指定同事（工号）"],
  "agent.transfer.reason": ["Reason", "原因"],
  "agent.cancel": ["Cancel", "取消"],
  "agent.close": ["Close", "结束会话"],
  "agent.wrap": ["Wrap-up done", "完成话后处理"],
  "agent.unread": ["{n} unread", "{n} 条未读"],
  "agent.late": ["The customer is waiting for a reply", "客户在等回复"],
  "agent.too_late": ["The reply is too late", "回复已超时"],
  "agent.history": ["What was said before", "此前的对话"],
  "agent.connected": ["Connected", "已接通"],
  "agent.closed": ["Closed by {by} ({reason})", "由 {by} 结束（{reason}）"],
  "agent.expired": ["An offer expired unanswered.", "派单未应答，已过期。"],
  "agent.rescinded": ["An offer was taken back ({reason}).", "派单已收回（{reason}）。"],
  "agent.asks_help": ["{agent} asks you to help", "{agent} 请您协助"],
  "agent.helps": ["{agent} helps with this", "{agent} 正在协助"],
  "agent.join": ["Help", "协助"],
  "agent.why": ["queue {queue} · rule {rule} · step {step} · waited {waited} · here since {age}", "队列 {queue} · 规则 {rule} · 第 {step} 步 · 已等 {waited} · 到达 {age}"],
  "agent.intent": ["about {intent}", "意图 {intent}"],
  "agent.reason": ["because {reason}", "原因 {reason}"],
  "desk.customer": ["Customer", "客户资料"],
  "desk.contacts": ["contacts", "会话数"],
  "desk.tags": ["Tags", "标签"],
  "desk.tag": ["Add a tag", "添加标签"],
  "desk.untag": ["Take this tag off", "移除此标签"],
  "desk.notes": ["Notes for colleagues", "内部备注"],
  "desk.note": ["Write a note (the customer never sees it)", "写备注（客户不可见）"],
  "desk.replies": ["Replies at hand", "快捷回复"],
  "desk.reply": ["New: shortcut, then the text", "新增：快捷词 空格 内容"],
  "desk.earlier": ["Earlier conversations", "以往会话"],
  "contact.connected": ["talking", "接待中"],
  "contact.dormant": ["customer silent", "客户沉默"],
  "contact.wrap_up": ["wrap-up", "话后处理"],
  "contact.held": ["connecting", "接通中"],
};

export function chosenLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem("sluice/language");
  } catch {
    // Nothing is kept then.
  }
  return kept || (navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en");
}

// says(key, fields); says.has(key); says.time(at) and says.span(ms) by the engine's clock, once says.session is set.
export function makeSays(language) {
  const column = language === "zh-CN" ? 1 : 0;
  const says = (key, fields = {}) =>
    (TEXTS[key]?.[column] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in fields ? String(fields[name]) : whole));
  says.language = language;
  says.has = (key) => key in TEXTS;
  says.session = null;
  says.time = (at) => {
    const session = says.session;
    if (!session?.welcome) return "";
    const then = new Date(Date.now() - session.realMs(session.now() - at));
    return then.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  };
  says.span = (ms) => {
    const seconds = Math.max(0, Math.round(ms / 1000));
    return seconds < 60 ? says("s", { n: seconds }) : says("min", { n: Math.round(seconds / 60) });
  };
  return says;
}

// Puts the words into the page: data-says for texts, data-label for what a screen reader hears, data-hint for boxes.
export function dress(says, root = document) {
  document.documentElement.lang = says.language;
  for (const each of root.querySelectorAll("[data-says]")) each.textContent = says(each.dataset.says);
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", says(each.dataset.label));
  for (const each of root.querySelectorAll("[data-hint]")) each.setAttribute("placeholder", says(each.dataset.hint));
}

// The switch: the page is loaded again in the other language, and goes on where it was.
export function languageSwitch(says) {
  const other = says.language === "zh-CN" ? "en" : "zh-CN";
  const turn = () => {
    try {
      localStorage.setItem("sluice/language", other);
    } catch {
      return;
    }
    location.reload();
  };
  return element("button.quiet", { type: "button", lang: other, click: turn }, says("language"));
}
