// Package credential is silenceper's interface (github.com/silenceper/wechat at 1797041, Apache License 2.0).
package credential

// AccessTokenHandle AccessToken 接口
type AccessTokenHandle interface {
	GetAccessToken() (accessToken string, err error)
}
